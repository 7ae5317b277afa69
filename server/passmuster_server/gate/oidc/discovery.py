"""Where everything is and what is understood: OpenID Connect Discovery 1.0, section 3."""

import msgspec

from passmuster_server.gate.oidc.postures import ACR_VALUES
from passmuster_server.signing.keys import ALGORITHM
from passmuster_server.signing.routes import JWKS_PATH

BASE = "/oidc"
DISCOVERY_PATH = f"{BASE}/.well-known/openid-configuration"
AUTHORIZE_PATH = f"{BASE}/authorize"
STEP_PATH = f"{BASE}/step/"
TOKEN_PATH = f"{BASE}/token"
USERINFO_PATH = f"{BASE}/userinfo"

SCOPES = ("openid", "email", "profile")
CLAIMS = (
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr"),
    *("email", "preferred_username", "passmuster_proof", "passmuster_grace_until"),
)


def issuer_of(public_url: str) -> str:
    """Return the issuer: the address below which discovery lies."""
    return public_url + BASE


def metadata(public_url: str) -> bytes:
    """Return the provider's metadata."""
    return msgspec.json.encode(
        {
            "issuer": issuer_of(public_url),
            "authorization_endpoint": public_url + AUTHORIZE_PATH,
            "token_endpoint": public_url + TOKEN_PATH,
            "userinfo_endpoint": public_url + USERINFO_PATH,
            "jwks_uri": public_url + JWKS_PATH,
            "scopes_supported": SCOPES,
            "response_types_supported": ["code", "id_token"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": ["authorization_code", "implicit"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "none",
            ],
            "acr_values_supported": ACR_VALUES,
            "prompt_values_supported": ["none", "login"],
            "claim_types_supported": ["normal"],
            "claims_supported": CLAIMS,
            "claims_parameter_supported": True,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
    )
