// Pages that follow something: [data-live="<url>"] asks for JSON and shows it.
// The answer: {"html": {"<id>": "<markup>"}, "done": bool, "reload": bool, "version": "…"}.
"use strict";

(function () {
  const SLOWEST = 15000;

  function show(answer) {
    for (const [id, html] of Object.entries(answer.html || {})) {
      const place = document.getElementById(id);
      if (place) {
        const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 60;
        place.innerHTML = html;
        if (place.hasAttribute("data-follow-end") && atEnd) place.scrollTop = place.scrollHeight;
      }
    }
  }

  function follow(element) {
    const every = Number(element.dataset.every || 1500);
    let wait = every;
    let version = element.dataset.version || "";

    async function ask() {
      if (document.hidden) return window.setTimeout(ask, every);
      try {
        const url = new URL(element.dataset.live, window.location.href);
        if (version) url.searchParams.set("version", version);
        const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        if (answer.status === 403 || answer.status === 404) return undefined;
        if (!answer.ok) throw new Error(String(answer.status));
        if (answer.status !== 204) {
          const body = await answer.json();
          show(body);
          version = body.version || version;
          if (body.reload) return window.location.reload();
          if (body.done) return undefined;
        }
        wait = every;
      } catch {
        wait = Math.min(wait * 2, SLOWEST);
      }
      return window.setTimeout(ask, wait);
    }

    element.addEventListener("live:now", ask);
    window.setTimeout(ask, every);
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-live]").forEach(follow);
    document.querySelectorAll("[data-follow-end]").forEach(function (place) {
      place.scrollTop = place.scrollHeight;
    });
  });
})();
