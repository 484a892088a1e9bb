// What the server gave the page's scripts to start from.

/** @type {PageData} */
export const page = JSON.parse(document.getElementById("page")?.textContent ?? "{}");
