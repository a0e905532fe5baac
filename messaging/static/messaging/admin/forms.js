// Forms: one submit each, questions before what cannot be undone, and live previews.
"use strict";

(function () {
  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (!form.matches("form[data-once]")) return;
    const button = event.submitter;
    const question = (button && button.dataset.ask) || form.dataset.ask;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
  });

  // Coming back with the browser's own button makes the form usable again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-once]").forEach(function (form) {
      delete form.dataset.sent;
    });
  });

  // [data-preview="<url>"] shows in [data-preview-into] what the form would make.
  function preview(form) {
    const place = document.getElementById(form.dataset.previewInto);
    let timer = 0;
    let latest = 0;

    async function refresh() {
      const mine = ++latest;
      const body = new FormData(form);
      const answer = await fetch(form.dataset.preview, { method: "POST", body, credentials: "same-origin" });
      if (answer.ok && mine === latest) place.innerHTML = await answer.text();
    }

    form.addEventListener("input", function () {
      window.clearTimeout(timer);
      timer = window.setTimeout(refresh, 250);
    });
    form.addEventListener("preview:now", refresh);
    place.addEventListener("click", function (event) {
      const step = event.target.closest("[data-person]");
      if (!step) return;
      form.elements.person.value = step.dataset.person;
      refresh();
    });
  }

  // [data-shows="name=value"] is there only while the form's field has that value.
  function conditions(form) {
    const parts = form.querySelectorAll("[data-shows]");
    function apply() {
      parts.forEach(function (part) {
        const [name, values] = part.dataset.shows.split("=");
        const field = form.elements[name];
        if (!field) return;
        part.hidden = !values.split("|").includes(field.value);
      });
    }
    form.addEventListener("change", apply);
    apply();
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("form[data-preview]").forEach(preview);
    document.querySelectorAll("form").forEach(conditions);
  });
})();
