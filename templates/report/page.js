// Draws the charts of the report from the JSON in #charts, and lets pointer and arrow keys read them.
"use strict";
(function () {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const FONT = "12px system-ui, sans-serif";
  const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
    3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
  const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function elapsed(seconds) {
    if (Number(seconds.toFixed(3)) < 60) return Number(seconds.toFixed(3)) + "s";
    const two = (number) => String(number).padStart(2, "0");
    const whole = Math.round(seconds);
    if (whole < 3600) return Math.floor(whole / 60) + "m" + two(whole % 60) + "s";
    return Math.floor(whole / 3600) + "h" + two(Math.floor((whole % 3600) / 60)) + "m";
  }

  function short(number) {
    return number >= 100 ? Math.round(number).toLocaleString("en") : number.toLocaleString("en", { maximumSignificantDigits: 3 });
  }

  function axis(more) {
    return Object.assign({
      stroke: colour("faint"), font: FONT, grid: { stroke: colour("grid"), width: 1 },
      ticks: { stroke: colour("line"), width: 1, size: 4 },
    }, more);
  }

  function timeAxis() {
    const short = (seconds) => elapsed(seconds).replace("m00s", "m").replace("h00m", "h");
    return axis({ size: 36, incrs: STEPS, space: 64, values: (u, splits) => splits.map(short) });
  }

  // Of more points than a screen can show, the mean of each two, and of those again.
  function thinned(found, names, width) {
    const result = Object.assign({}, found);
    while (result[names[0]].length * 3 > width && result[names[0]].length % 2 === 0) {
      result.seconds *= 2;
      for (const name of names) {
        const values = result[name];
        result[name] = values.filter((_, at) => at % 2 === 0).map((value, at) => (value + values[2 * at + 1]) / 2);
      }
    }
    return result;
  }

  // Each value holds from its point on: the last one once more, at the end.
  function held(values) {
    return values.concat(values.slice(-1));
  }

  function points(count, seconds) {
    return Array.from({ length: count + 1 }, (_, number) => number * seconds);
  }

  // Charts over time share their left edge, so that one can look from one to the next.
  const NAMED_LANES = 24;
  const left = charts.timeline.lanes.length <= NAMED_LANES ? 92 : 56;
  const stepped = uPlot.paths.stepped({ align: 1 });
  const noPoints = { show: false };

  function overTime(seconds, count, series, values, height) {
    return {
      height: height,
      options: {
        padding: [10, 16, 0, 0],
        scales: { x: { time: false, range: [0, count * seconds] }, y: { range: (u, low, high) => [0, (high || 1) * 1.08] } },
        axes: [timeAxis(), axis({ size: left, space: 32, values: (u, splits) => splits.map(short) })],
        series: [{}].concat(series),
      },
      data: [points(count, seconds)].concat(values.map(held)),
      last: count - 1,
    };
  }

  function throughput(width) {
    const found = thinned(charts.throughput, ["succeeded", "failed"], width);
    const series = [
      { stroke: colour("good"), fill: colour("good-area"), width: 2, paths: stepped, points: noPoints },
      { stroke: colour("bad"), width: 2, dash: [6, 4], paths: stepped, points: noPoints, show: found.failed.some(Boolean) },
    ];
    const count = found.succeeded.length;
    return Object.assign(overTime(found.seconds, count, series, [found.succeeded, found.failed], 240), {
      read: (at) => "from " + elapsed(at * found.seconds) + " to " + elapsed((at + 1) * found.seconds) + ": " +
        short(found.succeeded[at]) + " rows/s succeeded, " + short(found.failed[at]) + " rows/s failed",
    });
  }

  function busy() {
    const found = charts.busy;
    const series = [{ stroke: colour("busy"), fill: colour("busy") + "33", width: 1.5, paths: stepped, points: noPoints }];
    return Object.assign(overTime(found.seconds, found.workers.length, series, [found.workers], 150), {
      read: (at) => "from " + elapsed(at * found.seconds) + " to " + elapsed((at + 1) * found.seconds) + ": " +
        short(found.workers[at]) + " workers busy",
    });
  }

  function durations(width) {
    const found = charts.durations;
    const count = found.rows.length;
    const every = Math.max(1, Math.ceil(count / Math.max(2, Math.floor((width - 60) / 78))));
    const edges = [];
    for (let edge = 0; edge <= count; edge += every) edges.push(edge - 0.5);
    return {
      height: 270,
      options: {
        padding: [56, 24, 0, 0],
        scales: { x: { time: false, range: [-0.5, count - 0.5] }, y: { range: (u, low, high) => [0, high * 1.05] } },
        axes: [
          axis({ size: 36, splits: () => edges, values: (u, splits) => splits.map((split) => found.edges[split + 0.5]) }),
          axis({ size: 56, space: 32, incrs: WHOLE, values: (u, splits) => splits.map(short) }),
        ],
        series: [{}, { stroke: colour("good"), fill: colour("good"), width: 0, points: noPoints,
          paths: uPlot.paths.bars({ size: [0.86, 60] }) }],
        hooks: { draw: [(u) => drawMarks(u, found.marks)] },
      },
      data: [found.rows.map((_, number) => number), found.rows],
      last: count - 1,
      read: (at) => found.edges[at] + " to " + found.edges[at + 1] + ": " + found.rows[at].toLocaleString("en") + " rows",
    };
  }

  function drawMarks(u, marks) {
    const ratio = devicePixelRatio, context = u.ctx;
    context.save();
    context.font = "600 " + 12 * ratio + "px system-ui, sans-serif";
    context.strokeStyle = colour("mark");
    context.lineWidth = 1.5 * ratio;
    context.textBaseline = "middle";
    context.textAlign = "left";
    const placed = marks.map(([name, at, text], number) => ({
      x: Math.round(u.valToPos(at, "x", true)), y: u.bbox.top - (46 - 16 * number) * ratio, text: name + " " + text,
    }));
    for (const mark of placed) {
      context.beginPath();
      context.moveTo(mark.x, mark.y);
      context.lineTo(mark.x, u.bbox.top + u.bbox.height);
      context.stroke();
    }
    for (const mark of placed) {
      const width = context.measureText(mark.text).width;
      const fits = mark.x + 5 * ratio + width < u.ctx.canvas.width;
      const from = fits ? mark.x + 5 * ratio : mark.x - 5 * ratio - width;
      context.fillStyle = colour("ground");
      context.fillRect(from - 2 * ratio, mark.y - 8 * ratio, width + 4 * ratio, 16 * ratio);
      context.fillStyle = colour("mark");
      context.fillText(mark.text, from, mark.y);
    }
    context.restore();
  }

  function timeline(width) {
    const found = charts.timeline, lanes = found.lanes, count = lanes[0][1].length;
    const lane = Math.min(22, Math.max(3, 420 / lanes.length));
    const named = lanes.length <= NAMED_LANES;
    const centres = lanes.map((_, number) => number + 0.5);
    const every = Math.ceil(lanes.length / 10);
    return {
      height: Math.max(90, Math.round(lane * lanes.length) + 46),
      options: {
        padding: [6, 16, 0, 0],
        scales: { x: { time: false, range: [0, count * found.seconds] }, y: { dir: -1, range: [0, lanes.length] } },
        axes: [
          timeAxis(),
          axis({
            size: left, gap: 4, grid: { show: false },
            splits: () => (named ? centres : centres.filter((_, number) => number % every === 0)),
            values: (u, splits) => splits.map((split) => (named ? lanes[split - 0.5][0] : String(split + 0.5))),
          }),
        ],
        series: [{}, { show: true, paths: () => null, points: noPoints }],
        hooks: { drawAxes: [(u) => drawLanes(u, found)] },
        cursor: { y: true },
      },
      data: [points(count, found.seconds), held(lanes[0][1].split("").map(() => 0.5))],
      last: count - 1,
      lanes: lanes.length,
      read: (at, row) => lanes[row][0] + ", from " + elapsed(at * found.seconds) + " to " +
        elapsed((at + 1) * found.seconds) + ": " + busyText(lanes[row][1][at]),
    };
  }

  function busyText(digit) {
    return digit === "0" ? "idle" : digit === "9" ? "busy" : "busy about " + Math.round((Number(digit) - 0.5) / 9 * 100) + "%";
  }

  function drawLanes(u, found) {
    const context = u.ctx;
    context.save();
    found.lanes.forEach(([, digits], number) => {
      const top = u.valToPos(number, "y", true), bottom = u.valToPos(number + 1, "y", true);
      const gap = bottom - top > 8 ? 2 : bottom - top > 4 ? 1 : 0;
      context.fillStyle = colour("grid");
      context.globalAlpha = 0.6;
      context.fillRect(u.bbox.left, top, u.bbox.width, bottom - top - gap);
      context.fillStyle = colour("busy");
      for (let from = 0; from < digits.length;) {
        let to = from + 1;
        while (to < digits.length && digits[to] === digits[from]) to += 1;
        if (digits[from] !== "0") {
          const left = u.valToPos(from * found.seconds, "x", true), right = u.valToPos(to * found.seconds, "x", true);
          context.globalAlpha = 0.12 + 0.88 * Number(digits[from]) / 9;
          context.fillRect(left, top, right - left, bottom - top - gap);
        }
        from = to;
      }
    });
    context.restore();
  }

  function show(name, make) {
    const place = document.getElementById("chart-" + name), reading = document.getElementById("reading-" + name);
    const invitation = reading.textContent;
    let plot = null, made = null, at = -1, row = 0, drawnWidth = 0;

    function tell() {
      reading.textContent = at < 0 ? invitation : made.read(Math.min(at, made.last), row);
    }

    function draw() {
      drawnWidth = place.clientWidth;
      made = make(drawnWidth);
      if (plot) plot.destroy();
      const pointer = (u) => {
        if (u.cursor.idx == null || u.cursor.left < 0) return;
        at = Math.min(u.cursor.idx, made.last);
        if (made.lanes) row = Math.min(made.lanes - 1, Math.max(0, Math.floor(u.posToVal(u.cursor.top, "y"))));
        tell();
      };
      const options = Object.assign({}, made.options, {
        width: drawnWidth, height: made.height, legend: { show: false }, select: { show: false },
        cursor: Object.assign({ y: false, points: noPoints, drag: { x: false, y: false } }, made.options.cursor),
        hooks: Object.assign({}, made.options.hooks, { setCursor: [pointer] }),
      });
      plot = new uPlot(options, made.data, place);
    }

    place.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], Home: [-Infinity, 0], End: [Infinity, 0] };
      if (made.lanes) Object.assign(moves, { ArrowUp: [0, -1], ArrowDown: [0, 1] });
      const move = moves[event.key];
      if (!move) return;
      event.preventDefault();
      at = Math.min(made.last, Math.max(0, (at < 0 && move[0] < 0 ? 0 : at) + move[0]));
      row = Math.min((made.lanes || 1) - 1, Math.max(0, row + move[1]));
      const middle = made.data[0][at] + (made.data[0].length > made.last + 1 ? (made.data[0][1] - made.data[0][0]) / 2 : 0);
      const top = made.lanes ? plot.valToPos(row + 0.5, "y") : 0;
      plot.setCursor({ left: plot.valToPos(middle, "x"), top: top }, false);
      tell();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    new ResizeObserver(() => { if (place.clientWidth !== drawnWidth) draw(); }).observe(place);
    draw();
  }

  show("throughput", throughput);
  show("durations", durations);
  show("busy", busy);
  if (charts.timeline.lanes.length) show("timeline", timeline);
})();
