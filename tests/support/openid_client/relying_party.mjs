// A relying party by openid-client: one JSON request a line on standard input, one answer a line.
import { createInterface } from "node:readline";
import * as client from "openid-client";

let config;
let asked = {};

const steps = {
  async discover({ issuer, id, secret, method, idToken, algorithm }) {
    const how = {
      client_secret_basic: () => client.ClientSecretBasic(secret),
      client_secret_post: () => client.ClientSecretPost(secret),
      none: () => client.None(),
    }[method];
    const execute = [client.allowInsecureRequests];
    if (idToken) {
      execute.push(client.useIdTokenResponseType);
    }
    config = await client.discovery(new URL(issuer), id, {}, how(), { execute, algorithm });
    return config.serverMetadata();
  },

  async start({ parameters }) {
    asked = { verifier: client.randomPKCECodeVerifier(), state: client.randomState(), nonce: client.randomNonce() };
    const url = client.buildAuthorizationUrl(config, {
      scope: "openid email profile",
      state: asked.state,
      nonce: asked.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(asked.verifier),
      code_challenge_method: "S256",
      ...parameters,
    });
    return { url: url.href, ...asked };
  },

  async finish({ url, form, checks }) {
    const response = form === undefined ? new URL(url) : posted(url, form);
    const tokens = await client.authorizationCodeGrant(config, response, {
      pkceCodeVerifier: asked.verifier,
      expectedState: asked.state,
      expectedNonce: asked.nonce,
      idTokenExpected: true,
      ...checks,
    });
    return { tokens, claims: tokens.claims() };
  },

  async finishWithIdToken({ url, form }) {
    const checks = { expectedState: asked.state };
    return { claims: await client.implicitAuthentication(config, posted(url, form), asked.nonce, checks) };
  },

  async credentials({ parameters }) {
    return await client.clientCredentialsGrant(config, parameters);
  },

  async person({ token, subject }) {
    return await client.fetchUserInfo(config, token, subject);
  },
};

function posted(url, form) {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return new Request(url, { method: "POST", headers, body: form });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...request } = JSON.parse(line);
  let answer;
  try {
    answer = { result: await steps[step](request) };
  } catch (error) {
    answer = { error: { name: error.name, code: error.code, message: error.message, oauth: error.error, description: error.error_description, claim: error.cause?.cause?.claim } };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
