// The composer: an answer is posted under a key made here, so a second click, a lost answer or a
// weak line never sends it twice. A new key is made only once the answer is known to be taken.
"use strict";

(function () {
  function newKey() {
    const bytes = window.crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function show(html) {
    for (const [id, markup] of Object.entries(html)) {
      const place = document.getElementById(id);
      if (place) place.innerHTML = markup;
    }
    const chat = document.getElementById("chat");
    chat.scrollTop = chat.scrollHeight;
  }

  function compose(form) {
    const key = form.elements.key;
    const body = form.elements.body;
    const file = form.elements.file;
    const button = form.querySelector("button[type=submit]");
    const note = form.querySelector("[data-note]");
    const chosen = form.querySelector("[data-file-name]");
    key.value = newKey();

    function say(text) {
      note.textContent = text;
      note.hidden = !text;
    }

    async function send() {
      button.disabled = true;
      say("");
      try {
        const answer = await fetch(form.action, {
          method: "POST",
          body: new FormData(form),
          headers: { Accept: "application/json" },
          credentials: "same-origin",
        });
        const told = await answer.json();
        if (!answer.ok) {
          key.value = newKey();
          say(told.error || "It was not sent.");
          return;
        }
        form.reset();
        key.value = newKey();
        chosen.removeAttribute("value"); // the admin's own script writes it there
        chosen.value = "";
        show(told.html);
      } catch {
        say("No answer from the server. Press Send again: it will not be sent twice.");
      } finally {
        button.disabled = false;
        body.focus();
      }
    }

    form.addEventListener("submit", function (event) {
      event.preventDefault();
      if (!button.disabled && (body.value.trim() || file.files.length)) send();
    });
    body.addEventListener("keydown", function (event) {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    file.addEventListener("change", function () {
      chosen.value = file.files.length ? file.files[0].name : "";
    });
  }

  function markRead(chat) {
    const token = document.querySelector("input[name=csrfmiddlewaretoken]");
    if (!token) return;
    const body = new URLSearchParams({ csrfmiddlewaretoken: token.value });
    const tell = () => {
      if (!document.hidden) fetch(chat.dataset.read, { method: "POST", body, credentials: "same-origin" });
    };
    tell();
    new MutationObserver(tell).observe(chat, { childList: true });
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("form[data-compose]").forEach(compose);
    document.querySelectorAll("[data-read]").forEach(markRead);
    const choice = document.querySelector("[data-submit-on-change]");
    if (choice) choice.addEventListener("change", () => choice.form.requestSubmit());
  });
})();
