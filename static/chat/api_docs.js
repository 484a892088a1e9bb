// Shows the description of the API. "Try it out" sends with the reader's cookie.

/** @typedef {{headers: Record<string, string>}} SwaggerRequest */

const root = /** @type {HTMLElement} */ (document.getElementById("api"));

const csrfToken = () => document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? "";

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
