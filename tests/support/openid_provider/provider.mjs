// The organisation's identity provider by oidc-provider: what it is told comes as JSON lines on standard input.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

// Standard output is for answers alone.
console.info = console.error;

const people = new Map();
let provider;

async function readForm(request) {
  let body = "";
  for await (const piece of request) {
    body += piece;
  }
  return new URLSearchParams(body);
}

// Who logs in types a name and nothing else: what a password is worth is not what is tested here.
async function interact(request, response) {
  const { uid, prompt } = await provider.interactionDetails(request, response);
  if (prompt.name !== "login") {
    response.writeHead(500).end(`asked for ${prompt.name}`);
    return;
  }
  if (request.method === "POST") {
    const name = (await readForm(request)).get("login");
    const { amr, acr } = people.get(name) ?? {};
    const result = name ? { login: { accountId: name, amr, acr } } : { error: "access_denied" };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    return;
  }
  response.writeHead(200, { "content-type": "text/html" });
  response.end(
    `<!doctype html><html lang="en"><title>Example login</title><link rel="icon" href="data:,">` +
      `<form method="post" action="/interaction/${uid}"><label>Who are you? <input name="login"></label>` +
      `<button>Log in</button></form>`,
  );
}

const steps = {
  async start({ client, secret, redirect, method, inIdToken }) {
    const server = createServer();
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    // Another site than the server under test, which is at 127.0.0.1: browsers treat its cookies so.
    const issuer = `http://localhost:${server.address().port}`;
    provider = new Provider(issuer, {
      clients: [
        {
          client_id: client,
          client_secret: secret,
          redirect_uris: [redirect],
          token_endpoint_auth_method: method,
        },
      ],
      claims: { openid: ["sub", "acr", "amr"], email: ["email", "email_verified"], profile: ["groups"] },
      acrValues: ["urn:example:two-factors"],
      conformIdTokenClaims: !inIdToken,
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      async findAccount(_, id) {
        const { amr, acr, ...claims } = people.get(id) ?? {};
        return { accountId: id, claims: async () => ({ sub: id, ...claims }) };
      },
      // The organisation's own application: nobody is asked whether it may know who they are.
      async loadExistingGrant({ oidc }) {
        const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
        grant.addOIDCScope("openid email profile");
        await grant.save();
        return grant;
      },
    });
    const answer = provider.callback();
    server.on("request", (request, response) =>
      request.url.startsWith("/interaction/")
        ? interact(request, response).catch((error) => response.writeHead(500).end(String(error)))
        : answer(request, response),
    );
    return { issuer };
  },

  async know({ name, ...claims }) {
    people.set(name, claims);
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...request } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await steps[step](request))}\n`);
}
process.exit(0);
