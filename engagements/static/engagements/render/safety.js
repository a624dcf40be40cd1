// What may leave a content for the page: text and links of known schemes, never markup.

/** A link as a URL of the page, or null for anything that is no plain link. */
function safeLink(address) {
  try {
    const url = new URL(address, document.baseURI);
    return /^(https?|mailto):$/.test(url.protocol) ? url : null;
  } catch (error) {
    return null;
  }
}

/** An element with attributes and children; strings become text. */
function make(tag, attributes, children) {
  const element = document.createElement(tag);
  Object.keys(attributes || {}).forEach(function (name) {
    if (attributes[name] !== undefined) element.setAttribute(name, attributes[name]);
  });
  (children || []).forEach(function (child) { element.append(child); });
  return element;
}
