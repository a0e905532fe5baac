// What the admin's pages need beyond unfold: buttons that post, a dashboard that stays fresh,
// menus that close. Loaded on every page; nothing is inline, so the content policy stays strict.
(function () {
  "use strict";

  function csrfToken() {
    const field = document.querySelector("input[name=csrfmiddlewaretoken]");
    return field ? field.value : "";
  }

  // A button drawn as a link changes things: post to its address instead of opening it.
  function postInstead(event) {
    const link = event.target.closest("a[data-post]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    if (link.dataset.busy) {
      return;
    }
    link.dataset.busy = "1";
    const form = document.createElement("form");
    form.method = "post";
    form.action = link.href;
    const token = document.createElement("input");
    token.type = "hidden";
    token.name = "csrfmiddlewaretoken";
    token.value = csrfToken();
    form.append(token);
    document.body.append(form);
    form.submit();
  }

  function closeMenus(event) {
    for (const menu of document.querySelectorAll("details[data-closes-outside][open]")) {
      const left = event.type === "keydown" ? event.key === "Escape" : !menu.contains(event.target);
      if (left) {
        menu.open = false;
        if (event.type === "keydown") {
          menu.querySelector("summary").focus();
        }
      }
    }
  }

  function colourOf(name) {
    const found = /var\((.*?)\)/.exec(name || "");
    return found ? getComputedStyle(document.documentElement).getPropertyValue(found[1]).trim() : name;
  }

  function redraw(text) {
    const canvas = document.getElementById("today-chart");
    const chart = canvas && window.Chart && window.Chart.getChart(canvas);
    if (!chart || !text || canvas.dataset.value === text) {
      return;
    }
    canvas.dataset.value = text;
    const fresh = JSON.parse(text);
    chart.data.labels = fresh.labels;
    fresh.datasets.forEach(function (dataset, index) {
      chart.data.datasets[index].data = dataset.data;
      chart.data.datasets[index].borderColor = colourOf(dataset.borderColor);
      chart.data.datasets[index].backgroundColor = colourOf(dataset.backgroundColor);
    });
    chart.update("none");
  }

  async function refresh(board) {
    const answer = await fetch(board.dataset.refresh, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) {
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of fresh.querySelectorAll("[data-live]")) {
      const shown = document.getElementById(part.id);
      // Somebody is in the middle of it with the keyboard: leave it till they are gone.
      if (shown && !shown.contains(document.activeElement)) {
        shown.innerHTML = part.innerHTML;
      }
    }
    const tiles = fresh.querySelector("[data-chart]");
    redraw(tiles && tiles.dataset.chart);
  }

  function keepFresh() {
    const board = document.getElementById("dashboard");
    if (!board) {
      return;
    }
    const pause = 1000 * Number(board.dataset.refreshSeconds || 5);
    async function turn() {
      if (document.visibilityState === "visible") {
        try {
          await refresh(board);
        } catch {
          // The server is away for a moment: the page keeps what it has and asks again.
        }
      }
      setTimeout(turn, pause);
    }
    setTimeout(turn, pause);
  }

  async function copy(event) {
    const button = event.target.closest("[data-copy]");
    const source = button && document.getElementById(button.dataset.copy);
    if (!source) {
      return;
    }
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(source.textContent.trim());
    } else {
      window.getSelection().selectAllChildren(source);
      document.execCommand("copy");
    }
    button.textContent = button.dataset.copied;
  }

  // unfold draws some buttons as spans: give them a place in the order of the Tab key.
  const NAMES = { dock_to_right: "Menu", close: "Close", unfold_more: "Account" };

  function makeReachable() {
    for (const part of document.querySelectorAll("a:not([href]), span, div")) {
      if (!part.hasAttribute("x-on:click") || part.hasAttribute("tabindex")) {
        continue;
      }
      part.tabIndex = 0;
      part.setAttribute("role", "button");
      const name = NAMES[part.textContent.trim()];
      if (name) {
        part.setAttribute("aria-label", name);
      }
    }
  }

  // The names of icons are no words of the page.
  function silenceIcons() {
    for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
      if (icon.parentElement.textContent.trim() !== icon.textContent.trim()) {
        icon.setAttribute("aria-hidden", "true");
      }
    }
  }

  function pressByKey(event) {
    const part = event.target;
    if ((event.key === "Enter" || event.key === " ") && part.getAttribute("role") === "button" && part.tagName !== "BUTTON") {
      event.preventDefault();
      part.click();
    }
  }

  document.addEventListener("DOMContentLoaded", makeReachable);
  document.addEventListener("DOMContentLoaded", silenceIcons);
  document.addEventListener("keydown", pressByKey);
  document.addEventListener("click", postInstead);
  document.addEventListener("click", closeMenus);
  document.addEventListener("click", copy);
  document.addEventListener("keydown", closeMenus);
  document.addEventListener("DOMContentLoaded", keepFresh);
})();
