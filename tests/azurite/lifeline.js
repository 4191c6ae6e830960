// Ends Azurite when the test process that started it is gone, also when that was killed: its end of the pipe closes.
process.stdin.on("end", () => process.exit());
process.stdin.resume();
// Waiting for that keeps nobody alive: after SIGTERM Azurite writes its data and ends.
process.stdin.unref();
