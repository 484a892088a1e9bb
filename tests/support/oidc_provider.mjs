// An OpenID Connect provider on a port of this machine, by the package oidc-provider. Whoever comes is the person
// that was named last by a request to /as/NAME, whose address is NAME@example.com; `?unverified` leaves the address
// without the provider's word. Arguments: the port, and the address to which people are sent back.

import Provider from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
let person = "nobody";
let isVerified = true;

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "samurai", client_secret: "a secret of the test", redirect_uris: [redirect] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"] },
  cookies: { keys: ["a key of the test"] },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => ({
      sub: accountId,
      email: `${accountId}@example.com`,
      email_verified: isVerified,
      preferred_username: accountId,
    }),
  }),
  async loadExistingGrant({ oidc }) {
    const grant = new provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});

provider.use(async (context, next) => {
  const [, what, name] = context.path.split("/");
  if (what === "as") {
    person = name;
    isVerified = !("unverified" in context.query);
    context.body = "";
  } else if (what === "interaction") {
    await provider.interactionFinished(context.req, context.res, { login: { accountId: person } });
    context.respond = false;
  } else {
    await next();
  }
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
