// Loads a page again while something in it may change, and puts in what is new.
// Nothing needs it: without scripts the page is the same and stands still.
"use strict";

(() => {
  const every = 1000 * Number(document.body.dataset.refresh || 0);
  const sign = document.getElementById("live");
  if (!every || !sign) return;

  let tag = null;

  const say = (words, bad) => {
    sign.textContent = words;
    sign.classList.toggle("bad", bad);
    sign.hidden = false;
  };

  const selected = () => {
    const chosen = document.getSelection();
    return chosen && !chosen.isCollapsed;
  };

  const put = (old, fresh) => {
    if (old.innerHTML === fresh.innerHTML) return;
    const places = [...old.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    const open = [...old.querySelectorAll("details")].map((box) => box.open);
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const mark = focused && (focused.id || focused.getAttribute("href"));
    old.replaceChildren(...document.importNode(fresh, true).childNodes);
    old.querySelectorAll(".scroll").forEach((box, at) => {
      if (places[at]) [box.scrollLeft, box.scrollTop] = places[at];
    });
    old.querySelectorAll("details").forEach((box, at) => {
      if (at in open) box.open = open[at];
    });
    if (!mark) return;
    const again = [...old.querySelectorAll("[id],[href]")].find(
      (one) => one.id === mark || one.getAttribute("href") === mark,
    );
    if (again) again.focus({ preventScroll: true });
  };

  const look = async () => {
    try {
      if (!document.hidden && !selected()) {
        const answer = await fetch(location.href, { cache: "no-cache" });
        if (!answer.ok) throw new Error(String(answer.status));
        const now = answer.headers.get("ETag");
        if (now !== tag) {
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
          document.querySelectorAll("[data-live]").forEach((old) => {
            const other = fresh.getElementById(old.id);
            if (other) put(old, other);
          });
          document.title = fresh.title;
          tag = now;
          if (!fresh.body.dataset.refresh) {
            sign.hidden = true;
            return;
          }
        }
        say("live", false);
      }
    } catch {
      say("not answering", true);
    }
    setTimeout(look, every);
  };

  say("live", false);
  setTimeout(look, every);
})();
