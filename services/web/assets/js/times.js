// Writes times in the reader's zone and language; the title keeps UTC.
const language = document.documentElement.lang;
const short = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
// Who is on call when: the day of the week matters more than the year.
const day = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export function ago(date, now = Date.now()) {
  const seconds = (date.getTime() - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(Math.trunc(seconds), "second");
}

// Windows follow the wall clock of a zone: usually that of whoever makes them.
export function offerZone() {
  const field = document.querySelector("input[data-zone]");
  if (field && !field.value) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
}

export function writeTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    const text = element.dataset.format === "ago" ? ago(date)
      : (element.dataset.format === "day" ? day : short).format(date);
    if (element.textContent !== text) element.textContent = text;
    element.title = element.dateTime.replace("T", " ").replace("Z", " UTC");
  }
}
