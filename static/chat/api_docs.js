// Shows the description of the API. Its "Try it out" sends with the cookie of whoever is signed in.

const root = document.getElementById("api");

const csrf = () => document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? "";

SwaggerUIBundle({
  url: root.dataset.schema,
  domNode: root,
  deepLinking: true,
  docExpansion: "list",
  requestInterceptor: (request) => {
    request.headers["X-CSRFToken"] = csrf();
    return request;
  },
});
