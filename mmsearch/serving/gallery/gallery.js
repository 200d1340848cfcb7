"use strict";
const find = (id) => document.getElementById(id);
const [words, kind, sort, told, list, detail] = ["words", "kind", "sort", "told", "hits", "detail"].map(find);
let hits = [];
let shown = null;
let like = "";
let asked = 0;

const element = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
};
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const fileName = (path) => path.slice(path.lastIndexOf("/") + 1);

function place(hit) {
  const parts = [];
  if (hit.section) parts.push(hit.section);
  if (hit.page !== null) parts.push(`page ${hit.page}`);
  if (hit.start_s !== null) parts.push(clock(hit.start_s));
  if (hit.line_start !== null) parts.push(`line ${hit.line_start}`);
  return parts.join(", ");
}

function terms(hit) {
  const found = new Set((hit.signals || []).flatMap((one) => one.terms).map((one) => one.split("~").pop()));
  return [...found].filter((one) => one.trim()).sort((a, b) => b.length - a.length);
}

function marked(target, text, found) {
  if (!found.length) return target.append(text);
  const escaped = found.map((one) => one.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  text.split(new RegExp(`(${escaped.join("|")})`, "giu")).forEach((part, number) => {
    if (part) target.append(number % 2 ? element("mark", "", part) : part);
  });
}

function card(hit, number) {
  const item = element("li");
  const button = element("button", "hit");
  const picture = element("div", "picture");
  const text = element("div", "words");
  marked(text, hit.snippet || fileName(hit.path), terms(hit));
  if (["image", "pdf", "video"].includes(hit.kind) && hit.id !== null) {
    const image = element("img");
    image.loading = "lazy";
    image.alt = "";
    image.src = `/api/places/${hit.id}/thumbnail`;
    image.addEventListener("error", () => image.replaceWith(text));
    picture.append(image);
  } else picture.append(text);
  const name = element("div", "name", fileName(hit.path));
  name.title = hit.path;
  const facts = [hit.kind, place(hit), hit.same.length ? `${hit.same.length + 1} copies` : ""];
  button.append(picture, name, element("div", "place", facts.filter(Boolean).join(" · ")));
  button.addEventListener("click", () => open(number));
  item.append(button);
  return item;
}

async function ask(address) {
  const response = await fetch(address);
  const record = await response.json();
  if (!response.ok) throw new Error([record.title, record.detail].filter(Boolean).join(" "));
  return record;
}

async function search() {
  const turn = ++asked;
  const values = new URLSearchParams();
  if (words.value.trim()) values.set("q", words.value.trim());
  if (kind.value) values.set("kind", kind.value);
  if (sort.value !== "score") values.set("sort", sort.value);
  if (like) values.set("like", like);
  history.replaceState(null, "", values.size ? `/?${values}` : "/");
  if (!values.has("q") && !values.has("kind") && !like) return status();
  told.textContent = "Searching…";
  values.delete("like");
  values.set("k", "200");
  try {
    const answer = await ask(`${like ? `/api/places/${like}/similar` : "/api/search"}?${values}`);
    if (turn !== asked) return;
    hits = answer.hits;
    list.replaceChildren(...hits.map(card));
    const count = `${hits.length} ${hits.length === 1 ? "hit" : "hits"} in ${Math.round(answer.seconds * 1000)} ms`;
    told.textContent = [count, ...answer.notes].join(" · ");
  } catch (error) {
    if (turn === asked) told.textContent = error.message;
  }
}

async function status() {
  hits = [];
  list.replaceChildren();
  try {
    const state = await ask("/api/status");
    const waiting = [];
    if (state.pending) waiting.push(`${state.pending} wait for their content`);
    if (state.speech.left) waiting.push(`${state.speech.left} recordings wait for a transcript`);
    if (state.writing) waiting.push("a run writes the index now");
    told.textContent = [`${state.files} files`, ...waiting].join(" · ");
  } catch (error) {
    told.textContent = error.message;
  }
}

function player(hit) {
  const media = element(hit.kind);
  media.controls = true;
  media.preload = "metadata";
  media.src = `/api/places/${hit.id}/media#t=${hit.start_s || 0}`;
  return media;
}

async function open(number) {
  shown = hits[number];
  if (!shown || shown.id === null) return;
  const hit = shown;
  const area = find("shown");
  find("name").textContent = fileName(hit.path);
  const moment = hit.taken || hit.dated || hit.modified || "";
  const facts = [hit.path, place(hit), moment.slice(0, 10), `score ${hit.score.toFixed(2)}`];
  find("facts").textContent = facts.filter(Boolean).join(" · ");
  find("same").replaceChildren(...hit.same.map((one) => element("li", "", one.path)));
  area.replaceChildren();
  if (hit.kind === "audio" || hit.kind === "video") area.append(player(hit));
  if (hit.kind === "image" || hit.kind === "pdf") {
    const image = element("img");
    image.alt = `${fileName(hit.path)} ${place(hit)}`;
    image.src = `/api/places/${hit.id}/${hit.kind === "image" ? "media" : "thumbnail"}`;
    area.append(image);
    image.addEventListener("error", () => image.remove());
  }
  if (!detail.open) detail.showModal();
  try {
    const record = await ask(`/api/places/${hit.id}`);
    if (shown !== hit) return;
    const text = element("pre");
    marked(text, record.text, terms(hit));
    area.append(text);
  } catch (error) {
    if (shown === hit) area.append(element("p", "", error.message));
  }
}

function similar(hit) {
  if (!hit || hit.id === null) return;
  detail.close();
  like = String(hit.id);
  words.value = "";
  search();
}

detail.addEventListener("close", () => find("shown").replaceChildren());
find("close").addEventListener("click", () => detail.close());
find("similar").addEventListener("click", () => similar(shown));
find("search").addEventListener("submit", (event) => { event.preventDefault(); like = ""; search(); });
for (const one of [kind, sort]) one.addEventListener("change", search);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = ["INPUT", "SELECT"].includes(document.activeElement.tagName);
  if (event.key === "/" && !typing && !detail.open) {
    event.preventDefault();
    words.select();
    return;
  }
  const buttons = [...list.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  if (event.key === "s" && !typing) return similar(detail.open ? shown : hits[at]);
  if (event.key === "ArrowDown" && document.activeElement === words && buttons.length) {
    event.preventDefault();
    return buttons[0].focus();
  }
  if (detail.open || at < 0) return;
  const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (!step) return;
  event.preventDefault();
  (buttons[at + step] || (step === -columns ? words : buttons[at])).focus();
});

const kept = new URLSearchParams(location.search);
words.value = kept.get("q") || "";
kind.value = kept.get("kind") || "";
sort.value = kept.get("sort") || "score";
like = /^\d+$/.test(kept.get("like") || "") ? kept.get("like") : "";
search();
