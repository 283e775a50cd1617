// One event stream per browser: the tab that holds the lock reads it and tells the others.
//
// A region with `data-live="alert.raised alert.changed"` is fetched again when such an event arrives: at once, then at
// most once in MIN_MS. The stream reconnects by itself; what the browser gives up on (any response but 200) is tried again here,
// except 401: then the session is over, and the page says so.
const MIN_MS = 250;
const RETRY_MS = [1_000, 5_000, 15_000];
const EVENTS = [
  "upload.received", "analysis.progressed", "analysis.completed", "analysis.failed", "source.failed", "source.recovered",
  "anomaly.detected", "alert.raised", "alert.changed", "reset",
];

// How often is looked whether what a region shows has changed by the clock alone.
const CLOCK_MS = 15_000;

// Regions that were fetched less than MIN_MS ago, and whether something has happened since.
const resting = new Map();
let failures = 0;

function refresh(region) {
  if (resting.has(region)) {
    resting.set(region, true);
    return;
  }
  resting.set(region, false);
  setTimeout(() => {
    const again = resting.get(region);
    resting.delete(region);
    if (again) refresh(region);
  }, MIN_MS);
  // What the visitor is typing in, or has selected, is not taken from them.
  if (region.isConnected && !region.contains(document.activeElement?.closest("input, textarea, select"))) {
    htmx.trigger(region, "refresh");
  }
}

function tell(type, data) {
  document.dispatchEvent(new CustomEvent("dinsight:event", { detail: { type, data } }));
  for (const region of document.querySelectorAll("[data-live]")) {
    if (type === "reset" || region.dataset.live.split(" ").includes(type)) refresh(region);
  }
}

function say(text) {
  const status = document.getElementById("live");
  if (status) status.textContent = text;
}

// Whether somebody has typed or chosen something that a reload would take from them.
function typed() {
  return [...document.querySelectorAll("main form input, main form textarea, main form select")].some((field) => {
    if (field.matches("[type=hidden], [data-zone]")) return false;
    if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
    if (field.options) return isChanged(field);
    return field.value !== field.defaultValue;
  });
}

function isChanged(select) {
  // Without a default, a browser selects the first.
  const before = [...select.options].findIndex((each) => each.defaultSelected);
  return select.selectedIndex !== Math.max(0, before);
}

// The session is over: to the sign-in page, unless that would lose what was typed.
function leave() {
  if (!typed()) return location.reload();
  const { ended, signIn } = document.body.dataset;
  const box = document.createElement("div");
  box.className = "notice error";
  const link = Object.assign(document.createElement("a"), { href: "/sign-in", target: "_blank", textContent: signIn });
  box.append(ended ?? "", " ", link);
  document.getElementById("notices")?.replaceChildren(box);
}

function read(organization, channel) {
  return new Promise(() => {
    let source = null;
    const open = () => {
      source = new EventSource(`/o/${organization}/live`);
      source.addEventListener("open", () => { failures = 0; say(""); });
      // What has happened between the page's making and the stream's beginning no event tells. When it only reconnects,
      // the server goes on where it was.
      source.addEventListener("open", () => { channel.postMessage({ type: "reset" }); tell("reset"); }, { once: true });
      for (const type of EVENTS) {
        source.addEventListener(type, (event) => {
          channel.postMessage({ type, data: event.data });
          tell(type, event.data);
        });
      }
      source.addEventListener("error", async () => {
        if (source.readyState !== EventSource.CLOSED) return;
        // The browser has given up. Was it the session?
        const answer = await fetch(`/o/${organization}/live/check`, { headers: { Accept: "application/json" } })
          .catch(() => null);
        if (answer?.status === 401) return leave();
        say(document.body.dataset.offline ?? "");
        setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
      });
    };
    addEventListener("pagehide", () => source?.close());
    addEventListener("pageshow", (event) => { if (event.persisted) open(); });
    open();
  });
}

// No event tells that a silence has ended, or that a shift has: its region knows when (`data-until`).
function followClock() {
  for (const region of document.querySelectorAll("[data-until]")) {
    if (Date.parse(region.dataset.until) <= Date.now()) refresh(region);
  }
}

export function followEvents() {
  const organization = document.body.dataset.organization;
  if (!organization) return;
  setInterval(followClock, CLOCK_MS);
  const channel = new BroadcastChannel(`dinsight ${organization}`);
  channel.addEventListener("message", (event) => tell(event.data.type, event.data.data));
  // Locks need https or this machine; elsewhere each tab has a stream of its own.
  if (!navigator.locks) {
    read(organization, channel);
    return;
  }
  // A tab that reads the stream did so while this page was made.
  navigator.locks.query().then(({ held }) => {
    if (held?.some(({ name }) => name === `dinsight ${organization}`)) tell("reset");
  });
  navigator.locks.request(`dinsight ${organization}`, () => read(organization, channel));
}
