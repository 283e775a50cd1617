// What every page does: times in the reader's zone, live regions, keys.
import { offerZone, writeTimes } from "./times.js";
import { followEvents } from "./live.js";
import { listenToKeys } from "./keys.js";
import { judgePasswords } from "./password.js";
import { askBefore, offerKeySwitch } from "./confirm.js";
import { takeFragmentToken } from "./fragment.js";

function prepare(root) {
  writeTimes(root);
}

document.addEventListener("htmx:after:swap", () => prepare(document));
prepare(document);
takeFragmentToken();
judgePasswords();
askBefore();
offerKeySwitch();
offerZone();
followEvents();
listenToKeys();
// Long pages stay open for days: "3 min ago" must not lie.
setInterval(() => writeTimes(document), 30_000);
