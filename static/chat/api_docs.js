// Shows the description of the API. "Try it out" sends with the reader's cookie.

/** @typedef {{headers: Record<string, string>}} SwaggerRequest */

const root = /** @type {HTMLElement} */ (document.getElementById("api"));

// As support/forms.js, for the script of this page, /samurai/static/0123456789ab/chat/api_docs.js.
const { src } = /** @type {HTMLScriptElement} */ (document.currentScript);
const path = new URL(src).pathname.replace(/static\/(\w+\/)?chat\/api_docs\.js$/, "").split("/").filter(Boolean);
const cookie = new RegExp(`(?:^|; )${["csrftoken", ...path].join("_")}=([^;]*)`);
const csrfToken = () => cookie.exec(document.cookie)?.[1] ?? "";

// @ts-expect-error: the bundle defines it, and has no types.
SwaggerUIBundle({
  url: root.dataset.schema,
  domNode: root,
  deepLinking: true,
  docExpansion: "list",
  requestInterceptor: (/** @type {SwaggerRequest} */ request) => {
    request.headers["X-CSRFToken"] = csrfToken();
    return request;
  },
});
