// Draws one message of a chat. Everything is text nodes: what people write is never HTML.

const MEDIA = {
  image: ["Photo", "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M9 9.5h.01"],
  video: ["Video", "M4 6h11v12H4zM15 10l5-3v10l-5-3"],
  audio: ["Audio", "M9 4h6v9a3 3 0 0 1-6 0zM6 11a6 6 0 0 0 12 0M12 17v3"],
  document: ["Document", "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6"],
  sticker: ["Sticker", "M5 5h14v9l-5 5H5zM14 19v-5h5M9 10h.01M14 10h.01"],
  location: ["Location", "M12 21s-6-6-6-11a6 6 0 0 1 12 0c0 5-6 11-6 11zM12 10h.01"],
  contact: ["Contact", "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20a7 7 0 0 1 14 0"],
};
const BUTTON_ICONS = {
  url: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  phone_number: "M5 4h4l2 5-3 2a11 11 0 0 0 5 5l2-3 5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2z",
  copy_code: "M9 9h11v11H9zM5 15H4V4h11v1",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  location: MEDIA.location[1],
  quick_reply: "M10 8L5 12l5 4M5 12h9a5 5 0 0 1 5 5v1",
  reply: "M10 8L5 12l5 4M5 12h9a5 5 0 0 1 5 5v1",
};
const TICKS = {
  accepted: ["Accepted", "one"],
  sent: ["Sent", "one"],
  delivered: ["Delivered", "two"],
  read: ["Read", "two seen"],
  played: ["Played", "two seen"],
};

export function element(tag, className = "", text = null) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  return node;
}

export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export function clock(at) {
  return new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function day(at) {
  const date = new Date(at * 1000);
  const today = new Date().toDateString() === date.toDateString();
  return today ? "Today" : date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

// *bold*, _italic_, ~strike~ and `code`, as WhatsApp writes them.
const MARKS = { "*": "b", "_": "i", "~": "s", "`": "code" };
export function formatted(text) {
  const out = document.createDocumentFragment();
  for (const part of text.split(/(?<![\w*])(\*[^*\n]+\*|_[^_\n]+_|~[^~\n]+~|`[^`\n]+`)(?!\w)/)) {
    const tag = MARKS[part[0]];
    const marked = tag && part.length > 2 && part.at(-1) === part[0];
    out.append(marked ? element(tag, "", part.slice(1, -1)) : part);
  }
  return out;
}

export function ticks(status) {
  if (!TICKS[status]) return null;
  const [label, kind] = TICKS[status];
  const mark = element("span", `ticks ${kind}`);
  mark.title = label;
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", label);
  const two = kind.startsWith("two");
  mark.append(icon(two ? "M2 13l4 4L15 8M10 16l1 1 9-9" : "M6 13l4 4 9-9"));
  return mark;
}

function media(item) {
  const [label, path] = MEDIA[item.kind] ?? [item.kind, MEDIA.document[1]];
  const box = element("div", `media ${item.kind}`);
  if (item.id && ["image", "sticker"].includes(item.kind)) {
    const picture = element("img");
    picture.src = `/_sandbox/picture?id=${encodeURIComponent(item.id)}`;
    picture.alt = item.name;
    picture.addEventListener("error", () => picture.replaceWith(icon(path)));
    box.append(picture);
  } else {
    box.append(icon(path));
  }
  box.append(element("span", "", item.name === item.kind ? label : item.name));
  if (item.link) box.title = item.link;
  return box;
}

function button(spec, message, actions) {
  const node = element("button", "", null);
  node.type = "button";
  if (BUTTON_ICONS[spec.kind]) node.append(icon(BUTTON_ICONS[spec.kind]));
  node.append(element("span", "", spec.title));
  if (spec.url) node.title = spec.url;
  if (spec.code) node.title = spec.code;
  node.addEventListener("click", () => actions.press(spec, message, node));
  return node;
}

function quote(message, byId) {
  const original = byId.get(message.quotes);
  if (!original) return null;
  const box = element("div", "quote");
  box.append(element("span", "", (original.body || original.label).slice(0, 90)));
  return box;
}

export function draw(message, byId, actions) {
  const failed = message.status === "failed";
  const arrived = message.written || ["delivered", "read", "played"].includes(message.status);
  const row = element("div", `row ${message.written ? "mine" : "theirs"}`);
  const bubble = element("div", `bubble${failed ? " failed" : ""}${arrived ? "" : " waiting"}`);
  if (message.reaction) bubble.classList.add("reaction");
  const quoted = message.quotes && quote(message, byId);
  if (quoted) bubble.append(quoted);
  if (message.media) bubble.append(media(message.media));
  if (message.header) bubble.append(element("strong", "header", message.header));
  const body = element("p", "body");
  body.dir = "auto";
  body.append(formatted(message.body || ""));
  if (message.body) bubble.append(body);
  if (message.footer) bubble.append(element("p", "footer", message.footer));
  const meta = element("div", "meta");
  if (message.template) meta.append(element("span", "template", message.template));
  meta.append(element("time", "", clock(message.at)));
  const mark = message.written ? null : ticks(message.status);
  if (mark) meta.append(mark);
  bubble.append(meta);
  if (message.buttons?.length && !failed) {
    const bar = element("div", "buttons");
    bar.append(...message.buttons.map((spec) => button(spec, message, actions)));
    bubble.append(bar);
  }
  row.append(bubble);
  if (failed) row.append(element("p", "why", `Never arrived: ${message.error}`));
  return row;
}
