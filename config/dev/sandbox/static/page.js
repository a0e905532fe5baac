// The list of customers on the left, the phone of one of them on the right, refreshed by polling.

import { clock, day, draw, element, ticks } from "/_sandbox/bubbles.js";

const POLL_MS = 1000;
const $ = (id) => document.getElementById(id);
const state = { key: null, person: null, senders: [], people: [], total: 0, listVersion: -1, chatVersion: -1, chatItems: 100, drawn: "", pages: 1 };

async function get(path, query = {}) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function post(body) {
  const answer = await fetch("/_sandbox/inbound", { method: "POST", body: JSON.stringify(body) });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.detail ?? `error ${answer.status}`);
  return result;
}

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function avatar(node, name, number = "?") {
  const words = name.replace(/[^\p{L}\p{N} ]/gu, "").split(" ").filter(Boolean);
  const initials = words.slice(0, 2).map((word) => [...word][0]).join("").toUpperCase();
  node.textContent = initials || number.slice(-2);
  const hue = [...(name || number)].reduce((sum, letter) => sum + letter.codePointAt(0) * 7, 0) % 360;
  node.style.setProperty("--hue", hue);
  return node;
}

function address(person) {
  return person.wa_id ? `+${person.wa_id}` : person.user_id;
}

function profile(person) {
  return person.name ? `Profile name: ${person.name}` : "";
}

function title(person) {
  return person.name ? `${address(person)} · ${profile(person)}` : address(person);
}

function personRow(person) {
  const item = element("li");
  const row = element("button", person.key === state.key ? "person chosen" : "person");
  row.type = "button";
  const words = element("span", "person-words");
  const top = element("span", "person-top");
  top.append(element("span", "person-name", address(person)), element("time", "", person.at ? clock(person.at) : ""));
  const bottom = element("span", "person-bottom");
  const mark = person.written ? null : ticks(person.status);
  if (mark) bottom.append(mark);
  if (person.status === "failed") bottom.append(element("span", "badge", "failed"));
  bottom.append(element("span", "person-last", (person.written ? "You: " : "") + person.text.replace(/\s+/g, " ").replace(/[*_~`]/g, "")));
  words.append(top);
  if (person.name) words.append(element("span", "person-address", profile(person)));
  words.append(bottom);
  row.append(avatar(element("span", "avatar"), person.name, address(person)), words);
  row.addEventListener("click", () => open(person));
  item.append(row);
  return item;
}

function drawPeople() {
  $("people").replaceChildren(...state.people.map(personRow));
  $("count").textContent = state.total ? state.total.toLocaleString() : "";
  $("empty-text").textContent = state.sink
    ? "This sandbox runs as a sink: it accepts messages and keeps no chats."
    : state.total
      ? "Choose a customer to see their phone."
      : "Nobody has received anything yet. Send a message, or write first with the plus button.";
}

async function refreshPeople(force = false) {
  const search = $("search").value.trim();
  const first = await get("/_sandbox/customers", force ? { search } : { search, version: state.listVersion });
  if (!first.customers) return;
  let { customers, more } = first;
  for (let page = 1; page < state.pages && more; page += 1) {
    const next = await get("/_sandbox/customers", { search, before: customers.at(-1).activity });
    customers = customers.concat(next.customers);
    more = next.more;
  }
  Object.assign(state, { people: customers, total: first.total, sink: first.sink, listVersion: first.version });
  $("more-people").hidden = !more;
  drawPeople();
}

function open(person) {
  Object.assign(state, { key: person.key, person, chatVersion: -1, chatItems: 100, drawn: "" });
  $("phone").hidden = false;
  $("empty").hidden = true;
  $("layout").classList.add("chatting");
  $("chat").replaceChildren();
  $("owner").textContent = title(person);
  complain("");
  location.hash = encodeURIComponent(person.key);
  drawPeople();
  refreshChat(true).catch(() => {});
}

function drawChat(chat) {
  const fingerprint = JSON.stringify(chat.items);
  if (fingerprint === state.drawn) return;
  const box = $("chat");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80 || !state.drawn;
  state.drawn = fingerprint;
  const byId = new Map(chat.items.map((message) => [message.id, message]));
  const nodes = [];
  if (chat.more) {
    const earlier = element("button", "earlier", "Earlier messages");
    earlier.addEventListener("click", () => {
      state.chatItems += 200;
      refreshChat(true).catch(() => {});
    });
    nodes.push(earlier);
  }
  let lastDay = "";
  for (const message of chat.items) {
    const label = `${day(message.at)} · ${senderName(message.phone_number_id)}`;
    if (label !== lastDay) nodes.push(element("div", "day", label));
    lastDay = label;
    nodes.push(draw(message, byId, { press }));
  }
  if (!nodes.length) nodes.push(element("div", "day", "No messages yet. Write first below."));
  box.replaceChildren(...nodes);
  if (atEnd) box.scrollTop = box.scrollHeight;
}

async function refreshChat(force = false) {
  if (!state.key) return;
  const key = state.key;
  const query = { key, items: state.chatItems };
  const chat = await get("/_sandbox/chat", force ? query : { ...query, version: state.chatVersion });
  if (!chat.items || key !== state.key) return;
  if (state.chatVersion === -1 && chat.items.length) chooseSender(chat.items.at(-1).phone_number_id);
  state.chatVersion = chat.version;
  if (chat.customer) {
    state.person = chat.customer;
    $("owner").textContent = title(chat.customer);
  }
  drawChat(chat);
}

function senderName(id) {
  return state.senders.find((sender) => sender.id === id)?.name ?? id;
}

function chooseSender(id) {
  if (id) $("sender").value = id;
  avatar($("sender-avatar"), senderName($("sender").value));
}

async function write(message) {
  const person = state.person;
  const from = person.wa_id ? { from: `+${person.wa_id}` } : {};
  const id = person.user_id ? { from_user_id: person.user_id } : {};
  try {
    const written = await post({ phone_number_id: $("sender").value, ...from, ...id, ...message });
    if (written.id) state.key = written.wa_id || written.user_id;
    complain("");
    await Promise.all([refreshChat(true), refreshPeople(true)]);
    $("chat").scrollTop = $("chat").scrollHeight;
  } catch (error) {
    complain(error.message);
  }
}

function press(spec, message, node) {
  const context = { id: message.id };
  chooseSender(message.phone_number_id);
  if (spec.kind === "quick_reply") {
    write({ type: "button", button: { payload: spec.payload, text: spec.title }, context });
  } else if (spec.kind === "reply") {
    const reply = { id: spec.id, title: spec.title };
    write({ type: "interactive", interactive: { type: "button_reply", button_reply: reply }, context });
  } else if (spec.kind === "list") {
    showRows(spec, context, node);
  } else if (spec.kind === "location") {
    write({ type: "location", location: { latitude: 40.4168, longitude: -3.7038, name: "Puerta del Sol" }, context });
  } else {
    node.classList.add("pressed");
    node.querySelector("span").textContent = spec.url && !spec.code ? spec.url : spec.code || "Would call";
  }
}

function showRows(spec, context, node) {
  const open = node.parentElement.querySelector(".rows");
  if (open) return open.remove();
  const rows = element("div", "rows");
  for (const row of spec.rows) {
    const choice = element("button");
    choice.type = "button";
    choice.append(element("b", "", row.title), element("small", "", row.description ?? ""));
    const reply = { id: row.id, title: row.title, ...(row.description && { description: row.description }) };
    choice.addEventListener("click", () => {
      write({ type: "interactive", interactive: { type: "list_reply", list_reply: reply }, context });
    });
    rows.append(choice);
  }
  node.parentElement.append(rows);
}

function close() {
  state.key = null;
  $("layout").classList.remove("chatting");
  $("phone").hidden = true;
  $("empty").hidden = false;
  history.replaceState(null, "", location.pathname);
  drawPeople();
}

function startNew(text) {
  const address = text.trim();
  if (!address) return;
  const isUser = /^[A-Z]{2}\.\w+$/.test(address);
  const digits = address.replace(/\D/g, "");
  if (!isUser && digits.length < 7) return;
  const known = state.people.find((person) => [person.wa_id, person.user_id].includes(isUser ? address : digits));
  open(known ?? { key: isUser ? address : digits, wa_id: isUser ? "" : digits, user_id: isUser ? address : "", name: "", text: "" });
  $("new-form").hidden = true;
  $("text").focus();
}

function listen() {
  $("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("text").value.trim();
    if (text) write({ type: "text", text });
    $("text").value = "";
  });
  $("chips").addEventListener("click", (event) => {
    const { text, preference } = event.target.dataset;
    if (text) write({ type: "text", text });
    if (preference) write({ type: "user_preferences", value: preference });
  });
  $("search").addEventListener("input", () => {
    state.pages = 1;
    refreshPeople(true).catch(() => {});
  });
  $("more-people").addEventListener("click", () => {
    state.pages += 1;
    refreshPeople(true).catch(() => {});
  });
  $("sender").addEventListener("change", () => chooseSender());
  $("back").addEventListener("click", close);
  $("new").addEventListener("click", () => {
    $("new-form").hidden = !$("new-form").hidden;
    if (!$("new-form").hidden) $("new-number").focus();
  });
  $("new-form").addEventListener("submit", (event) => {
    event.preventDefault();
    startNew($("new-number").value);
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  });
}

async function poll() {
  try {
    if (!document.hidden) await Promise.all([refreshPeople(), refreshChat()]);
    document.body.classList.remove("offline");
  } catch {
    document.body.classList.add("offline");
  }
  setTimeout(poll, POLL_MS);
}

async function start() {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  listen();
  state.senders = (await get("/_sandbox/senders")).senders;
  for (const sender of state.senders) {
    const option = element("option", "", `${sender.name} (${sender.number})`);
    option.value = sender.id;
    $("sender").append(option);
  }
  chooseSender();
  await refreshPeople(true);
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (wanted) {
    const chat = await get("/_sandbox/chat", { key: wanted });
    if (chat.customer) open(chat.customer);
  } else if (state.people.length && matchMedia("(min-width: 760px)").matches) {
    open(state.people[0]);
  }
  poll();
}

start();
