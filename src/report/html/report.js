"use strict";
// Searches, filters and orders the entries. It only reads text and attributes of the page and never writes markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const [files, tools, search, rule, profile, order, shown, none, unfold] =
    ["files", "tools", "search", "rule", "profile", "order", "shown", "none", "unfold"].map(byId);
  if (!tools) return;
  const cards = [...files.children].map((card, number) => ({
    card, number, text: null, details: card.querySelector("details"), path: card.querySelector("h2").textContent,
    rules: card.dataset.rules.split(" "),
  }));
  const chips = [...document.querySelectorAll("button[data-outcome]")];
  const bars = [...document.querySelectorAll("button[data-rule]")];
  const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
  const press = (button, pressed) => button.setAttribute("aria-pressed", String(pressed));
  const textOf = (item) => (item.text ??= item.card.textContent.toLowerCase());
  const visible = () => cards.filter((item) => !item.card.hidden);

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = chips.filter(isPressed).map((chip) => chip.dataset.outcome);
    for (const item of cards) {
      const { outcome, profile: of } = item.card.dataset;
      item.card.hidden = !(
        (outcomes.length === 0 || outcomes.includes(outcome)) &&
        (!rule?.value || item.rules.includes(rule.value)) &&
        (!profile?.value || of === profile.value) &&
        words.every((word) => textOf(item).includes(word))
      );
    }
    for (const bar of bars) press(bar, bar.dataset.rule === rule.value);
    const count = visible().length;
    shown.textContent = `${count} of ${cards.length} shown.`;
    none.hidden = count > 0;
    remember(outcomes);
  };

  const ORDERS = {
    worst: () => 0,
    path: (a, b) => a.path.localeCompare(b.path, undefined, { numeric: true }),
    ...Object.fromEntries(["findings", "size", "duration"].map((key) => [
      key, (a, b) => (Number(b.card.dataset[key]) || 0) - (Number(a.card.dataset[key]) || 0),
    ])),
  };
  const sort = () => {
    const compare = ORDERS[order.value];
    cards.sort((a, b) => compare(a, b) || a.number - b.number);
    files.append(...cards.map((item) => item.card));
  };

  // Keep the view in the address, so that a reload and a link show the same.
  const remember = (outcomes) => {
    const view = new URLSearchParams();
    const values = { q: search.value, rule: rule?.value, profile: profile?.value, show: outcomes.join(" ") };
    for (const [key, value] of Object.entries(values)) if (value) view.set(key, value);
    if (order.value !== "worst") view.set("order", order.value);
    const hash = view.toString();
    if (hash !== location.hash.slice(1)) history.replaceState(null, "", `#${hash}`);
  };
  const recall = () => {
    const view = new URLSearchParams(location.hash.slice(1));
    const choose = (select, value) => {
      if (select && [...select.options].some((option) => option.value === value)) select.value = value;
    };
    search.value = view.get("q") ?? "";
    choose(rule, view.get("rule") ?? "");
    choose(profile, view.get("profile") ?? "");
    choose(order, view.get("order") ?? "worst");
    const outcomes = (view.get("show") ?? "").split(" ");
    for (const chip of chips) press(chip, outcomes.includes(chip.dataset.outcome));
    sort();
    filter();
  };

  const step = (by) => {
    const items = visible();
    const at = items.findIndex((item) => item.card.contains(document.activeElement));
    const next = items[at < 0 ? (by > 0 ? 0 : items.length - 1) : at + by];
    next?.card.querySelector("summary").focus();
  };
  const KEYS = { "/": () => search.focus(), j: () => step(1), k: () => step(-1), Escape: () => tools.reset() };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.matches("input, select");
    if (isTyping && event.key !== "Escape") return;
    const act = Object.hasOwn(KEYS, event.key) && KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  for (const button of [...chips, ...bars]) {
    button.disabled = false;
    button.addEventListener("click", () => {
      if (button.dataset.rule) rule.value = isPressed(button) ? "" : button.dataset.rule;
      else press(button, !isPressed(button));
      filter();
    });
  }
  search.addEventListener("input", filter);
  tools.addEventListener("change", () => { sort(); filter(); });
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("reset", () => {
    for (const chip of chips) press(chip, false);
    // The fields have their first values only after the event.
    setTimeout(() => { sort(); filter(); });
  });
  unfold.addEventListener("click", () => {
    const open = visible().some((item) => !item.details.open);
    for (const item of visible()) item.details.open = open;
    unfold.textContent = open ? "Fold all" : "Unfold all";
  });
  addEventListener("beforeprint", () => { for (const item of visible()) item.details.open = true; });
  addEventListener("hashchange", recall);
  tools.hidden = false;
  recall();
})();
