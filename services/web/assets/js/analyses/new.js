// @ts-check
/** The form of a new analysis: files, what is understood of them, and the upload with its progress. */

import { withRoles } from "./roles.js";

/** The first megabyte of a text is enough to understand it; other files must be whole. */
const BEGINNING = 1 << 20;
const WHOLE = /\.(xlsx?|xlsm|parquet|zip|gz)$/i;
/** What the API accepts for a preview. */
const MAX_WHOLE = 64 << 20;

class NewAnalysis {
  #form;
  #words;
  /** @type {File[]} */ #files = [];
  /** What was proposed and what was changed. @type {Record<string, unknown> | null} */ #config = null;
  #previewing = new AbortController();
  /** @type {XMLHttpRequest | null} */ #sending = null;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    this.#words = JSON.parse(form.dataset.words ?? "{}");
    const files = /** @type {HTMLInputElement} */ (this.#find("#files"));
    files.addEventListener("change", () => this.#choose([...(files.files ?? [])]));
    this.#find("#machine").addEventListener("change", (event) => {
      this.#find("[data-new-machine]").hidden = /** @type {HTMLSelectElement} */ (event.target).value !== "";
    });
    this.#listenToDrops(this.#find("[data-drop]"));
    const preview = this.#find("[data-preview]");
    preview.addEventListener("change", (event) => this.#change(/** @type {HTMLInputElement} */ (event.target)));
    preview.addEventListener("click", (event) => {
      const button = /** @type {HTMLElement} */ (event.target).closest("[data-change]");
      if (button) this.#preview(JSON.parse(/** @type {HTMLElement} */ (button).dataset.change ?? "{}"));
    });
    this.#find("[data-cancel]").addEventListener("click", () => this.#sending?.abort());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start().catch((error) => this.#problem(String(error.message ?? error)));
    });
  }

  /** @param {HTMLElement} area */
  #listenToDrops(area) {
    area.addEventListener("dragover", (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
    area.addEventListener("dragleave", () => area.classList.remove("over"));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      area.classList.remove("over");
      this.#choose([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** @param {File[]} files */
  #choose(files) {
    if (files.length === 0) return;
    this.#files = files;
    this.#config = null;
    const list = this.#find("[data-files]");
    list.replaceChildren(
      ...files.map((file) => Object.assign(document.createElement("li"), { textContent: `${file.name} · ${bytes(file.size)}` })),
    );
    this.#preview({});
  }

  /** Ask what is understood, given what has been changed. @param {Record<string, unknown>} changes */
  async #preview(changes) {
    this.#previewing.abort();
    this.#previewing = new AbortController();
    const { signal } = this.#previewing;
    const config = { ...this.#config, ...changes };
    const [file] = this.#files;
    const start = /** @type {HTMLButtonElement} */ (this.#find("[data-start]"));
    start.disabled = true;
    this.#problem("");
    const box = this.#find("[data-preview]");
    if (!box.childElementCount) box.textContent = this.#words.reading;
    const whole = WHOLE.test(file.name);
    const body = new FormData();
    if (Object.keys(config).length) body.append("config", JSON.stringify(config));
    body.append("file", whole && file.size <= MAX_WHOLE ? file : file.slice(0, BEGINNING), file.name);
    try {
      const answer = await fetch(`/o/${this.#form.dataset.organization}/analyses/preview`, { method: "POST", body, signal, headers: this.#headers });
      if (!answer.ok) throw new Error(await problemOf(answer));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      box.replaceChildren(...page.body.childNodes);
      const proposed = JSON.parse(/** @type {HTMLElement | null} */ (box.querySelector("[data-proposal]"))?.dataset.proposal ?? "null");
      this.#config = proposed ?? config;
      start.disabled = proposed === null;
    } catch (error) {
      if (signal.aborted) return;
      box.replaceChildren();
      // The analysis reads what a preview cannot, and says what is wrong with it.
      start.disabled = false;
      this.#problem(error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {HTMLInputElement | HTMLSelectElement} field */
  #change(field) {
    if (field.dataset.roleOf !== undefined) {
      const columns = [.../** @type {NodeListOf<HTMLElement>} */ (this.#find("[data-preview]").querySelectorAll("[data-name]"))].map((row) => ({
        name: row.dataset.name ?? "",
        role: /** @type {HTMLSelectElement | null} */ (row.querySelector("select"))?.value ?? row.dataset.role ?? "",
      }));
      this.#preview(withRoles(columns));
    } else if (field.name === "header") this.#preview({ header: Number(field.value) });
    else if (field.name) this.#preview({ [field.name]: field.value || null });
  }

  async #start() {
    if (this.#files.length === 0) return;
    const data = new FormData(this.#form);
    const machine = data.get("machine_id") || (await this.#newMachine(String(data.get("name") ?? "").trim()));
    if (!machine) return;
    const body = new FormData();
    body.append("machine_id", String(machine));
    body.append("analysis_type", String(data.get("analysis_type")));
    if (this.#config && Object.keys(this.#config).length) body.append("config", JSON.stringify(this.#config));
    for (const file of this.#files) body.append("files", file, file.name);
    this.#send(body);
  }

  /** @param {string} name @returns {Promise<string>} its id */
  async #newMachine(name) {
    if (!name) {
      this.#problem(this.#words.machine);
      this.#find("#name").focus();
      return "";
    }
    const answer = await fetch(`/o/${this.#form.dataset.organization}/data/machines`, {
      method: "POST",
      body: JSON.stringify({ name }),
      headers: { ...this.#headers, "Content-Type": "application/json" },
    });
    if (!answer.ok) throw new Error(await problemOf(answer));
    const made = await answer.json();
    // A second try must not make a second machine.
    const select = /** @type {HTMLSelectElement} */ (this.#find("#machine"));
    select.append(new Option(made.name, made.id, true, true));
    this.#find("[data-new-machine]").hidden = true;
    return made.id;
  }

  /** Upload with progress, which only this kind of request can tell. @param {FormData} body */
  #send(body) {
    const request = new XMLHttpRequest();
    this.#sending = request;
    this.#problem("");
    this.#busy(true);
    const bar = /** @type {HTMLProgressElement} */ (this.#find("[data-progress]"));
    const text = this.#find("[data-progress-text]");
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.loaded / event.total;
      const words = event.loaded < event.total ? this.#words.sending : this.#words.starting;
      text.textContent = words.replace("{sent}", bytes(event.loaded)).replace("{size}", bytes(event.total));
    });
    request.addEventListener("load", () => {
      const answer = parsed(request.responseText);
      if (request.status === 202) location.href = `/o/${this.#form.dataset.organization}/analyses/${answer.id}`;
      else {
        this.#busy(false);
        this.#problem(answer.detail || this.#words.broken);
      }
    });
    request.addEventListener("error", () => {
      this.#busy(false);
      this.#problem(this.#words.broken);
    });
    request.addEventListener("abort", () => this.#busy(false));
    request.open("POST", `/o/${this.#form.dataset.organization}/data/analyses`);
    for (const [name, value] of Object.entries(this.#headers)) request.setRequestHeader(name, value);
    request.send(body);
  }

  /** @param {boolean} sending */
  #busy(sending) {
    this.#find("[data-sending]").hidden = !sending;
    this.#find("[data-cancel]").hidden = !sending;
    /** @type {HTMLButtonElement} */ (this.#find("[data-start]")).disabled = sending;
  }

  /** @param {string} text */
  #problem(text) {
    const box = this.#find("[data-problem]");
    box.textContent = text;
    box.hidden = !text;
  }

  /** Whoever accepts HTML gets refusals as pages; here they are read. */
  get #headers() {
    return { "X-Form-Token": this.#form.dataset.token ?? "", Accept: "application/json" };
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.#form.querySelector(selector));
  }
}

/** @param {Response} answer */
async function problemOf(answer) {
  return parsed(await answer.text()).detail || `${answer.status}`;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** @param {number} count */
function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  return `${(count / 1000 ** unit).toLocaleString(document.documentElement.lang, { maximumFractionDigits: unit ? 1 : 0 })} ${units[unit]}`;
}

for (const form of document.querySelectorAll("[data-new-analysis]")) new NewAnalysis(/** @type {HTMLFormElement} */ (form));
