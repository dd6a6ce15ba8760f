// Comforts that pages work without: a slider moves the time as it is dragged, a button prints, and what is live looks again.
"use strict";

for (const slide of document.querySelectorAll("input[data-moves]")) {
  const field = document.getElementById(slide.dataset.moves);
  const said = document.getElementById(`${slide.dataset.moves}-day`);
  const chosen = () => {
    const step = Number(slide.dataset.step);
    const moment = new Date(Date.parse(`${slide.dataset.first}Z`) + 1000 * step * Number(slide.value));
    const length = step === 86400 ? 10 : step < 60 ? 19 : 16;
    return slide.value === slide.max ? "" : moment.toISOString().slice(0, length).replace("T", " ");
  };
  slide.addEventListener("input", () => {
    field.value = chosen();
    said.textContent = chosen() || "now";
    slide.setAttribute("aria-valuetext", said.textContent);
  });
  // Let go, it shows what is chosen; moved by keys, once they rest, and it has the focus again.
  let keyed = false;
  let waiting;
  slide.addEventListener("pointerdown", () => { keyed = false; });
  slide.addEventListener("keydown", () => { keyed = true; });
  slide.addEventListener("change", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (keyed) sessionStorage.setItem("focus", slide.id);
      slide.form.requestSubmit();
    }, keyed ? 700 : 0);
  });
  if (sessionStorage.getItem("focus") === slide.id) {
    sessionStorage.removeItem("focus");
    slide.focus({ preventScroll: true });
  }
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.parentElement.hidden = false;
  button.addEventListener("click", () => window.print());
}

// What is live is read again while it is looked at, and nobody is in it with keys or marks a text there.
for (const part of document.querySelectorAll("[data-live]")) {
  const follows = document.querySelector(`[data-follows="${part.id}"]`);
  follows.closest("[hidden]").hidden = false;
  const isInUse = () => part.contains(document.activeElement) || !document.getSelection().isCollapsed;
  setInterval(async () => {
    if (!follows.checked || document.hidden || isInUse()) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      const newer = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
      if (newer && !isInUse()) part.replaceChildren(...newer.childNodes);
    } catch {
      // Away for a moment: it is asked again.
    }
  }, 1000 * Number(part.dataset.live));
}
