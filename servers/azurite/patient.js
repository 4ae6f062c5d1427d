// Loaded before Azurite, which looks for unused content every ten minutes, and after thousands of
// blobs answers nobody for half a minute meanwhile: longer than any client waits. Once is enough.
const path = require("path");

const constants = require(path.join(path.dirname(process.argv[1]), "utils", "constants.js"));
constants.DEFAULT_GC_INTERVAL_MS = 2 ** 31 - 1; // 24 days, the longest that a timer can be
