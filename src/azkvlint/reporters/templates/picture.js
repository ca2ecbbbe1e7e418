(() => {
  "use strict";
  const root = document.getElementById("picture");
  if (!root) return;
  const { columns, permissions, nodes, ways, texts, sharing } =
    JSON.parse(document.getElementById("picture-data").textContent);
  const one = (selector) => root.querySelector(selector);
  const frame = one(".frame"), stage = one(".stage"), heads = one(".heads"), svg = one(".stage > svg");
  const panel = one(".panel"), status = one("[data-status]");
  const field = (name) => one(`[data-field=${name}]`);
  const ROW = 46, BOX = 38, LANE = 7, TOP = 38, EDGE = 12, TALL = 640, MOST = 25, STEP = 100, LISTED = 40, NAMED = 300;
  const HUMAN = new Set(["principal", "group", "workload"]);
  // The width of the frame is read once, because reading it lays the whole page out.
  let across, limits, only, pressed, zoom, boxes = new Map(), edges = [];

  const make = (tag, text, style) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (style) made.className = style;
    return made;
  };
  const lower = (text) => text.trim().toLowerCase();
  const named = (number, text) => nodes[number].names.some((name) => lower(name).includes(text));
  const unique = (list) => [...new Set(list)];
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;

  // The ways that the filters select, each with the vaults that they select.
  const selected = () => {
    const vault = lower(field("vault").value), principal = lower(field("principal").value);
    const permission = field("permission").value, certain = field("certain").checked;
    const found = [];
    for (const [path, all, allowed, sure, doubts, notes] of ways) {
      if (certain && !sure) continue;
      if (permission && !allowed.includes(+permission)) continue;
      if (principal && !path.some((node) => HUMAN.has(nodes[node].kind) && named(node, principal))) continue;
      let vaults = vault ? all.filter((node) => named(node, vault)) : all;
      if (only !== null && !path.includes(only)) vaults = vaults.filter((node) => node === only);
      if (vaults.length) found.push({ path, vaults, allowed, sure, doubts, notes });
    }
    return found;
  };
  const isFiltered = () => only !== null || field("certain").checked ||
    ["vault", "principal", "permission"].some((name) => field(name).value.trim());

  const joined = function* (way) {
    for (let at = 1; at < way.path.length; at++) yield [way.path[at - 1], way.path[at]];
    for (const vault of way.vaults) yield [way.path[way.path.length - 1], vault];
  };

  // A column has its heaviest nodes, and one box for all others.
  const chosen = (shown) => {
    const weight = new Map();
    for (const way of shown) {
      for (const node of [...way.path, ...way.vaults]) {
        weight.set(node, (weight.get(node) || 0) + (way.sure ? 2 : 1) * way.allowed.length);
      }
    }
    const text = lower(field("vault").value);
    nodes.forEach((node, number) => {
      const fits = !isFiltered() || (text && only === null && named(number, text));
      if (node.kind === "vault" && !weight.has(number) && fits) weight.set(number, 0);
    });
    const drawn = columns.map(() => []), hidden = columns.map(() => []), into = new Map();
    const order = [...weight.keys()].sort((a, b) => weight.get(b) - weight.get(a) || a - b);
    for (const node of order) {
      const at = nodes[node].column;
      if (drawn[at].length < limits[at]) drawn[at].push(`${node}`); else hidden[at].push(node);
    }
    hidden.forEach((list, at) => {
      if (list.length) drawn[at].push(`more${at}`);
      for (const node of list) into.set(node, `more${at}`);
    });
    return { drawn, hidden, into };
  };

  const draw = () => {
    const shown = selected();
    const { drawn, hidden, into } = chosen(shown);
    const key = (node) => into.get(node) || `${node}`;
    const column = new Map();
    drawn.forEach((list, at) => list.forEach((item) => column.set(item, at)));
    const links = new Map();
    for (const way of shown) {
      for (const [source, target] of joined(way)) {
        const from = key(source), to = key(target), id = `${from}>${to}`;
        let link = links.get(id);
        if (!link) {
          link = { from, to, ends: nodes[target].kind === "vault", sure: 0, ways: [], stops: [] };
          links.set(id, link);
        }
        link.sure |= way.sure;
        if (link.ways[link.ways.length - 1] !== way) link.ways.push(way);
      }
    }
    // An edge over several columns has a lane in those between, which all edges to the same node share.
    const used = columns.map((_, at) => at).filter((at) => drawn[at].length);
    const items = new Map(used.map((at) => [at, [...drawn[at]]]));
    const beside = new Map();
    const join = (a, b) => {
      for (const [x, y] of [[a, b], [b, a]]) beside.has(x) ? beside.get(x).push(y) : beside.set(x, [y]);
    };
    for (const link of links.values()) {
      let last = link.from;
      for (const at of used) {
        if (at <= column.get(link.from) || at >= column.get(link.to)) continue;
        const lane = `lane${at}>${link.to}`;
        if (!column.has(lane)) { column.set(lane, at); items.get(at).push(lane); }
        join(last, lane);
        link.stops.push(last = lane);
      }
      join(last, link.to);
    }
    place(used, items, column, beside);
    paint(used, drawn, hidden, [...links.values()], column);
    const total = drawn.reduce((sum, list) => sum + list.filter((item) => !item.startsWith("more")).length, 0);
    const rest = hidden.reduce((sum, list) => sum + list.length, 0);
    let words = isFiltered() ? `${total + rest} of ${nodes.length} boxes match` : `${nodes.length} boxes`;
    if (rest) words += `; ${rest} of these are not drawn: open a box \u201cmore\u201d, or filter`;
    status.textContent = total ? `${[words, ...sharing].join("; ")}.` : "No path matches.";
  };

  // Rows by the mean position of what nodes are joined to; in a low picture, then heights that keep edges short.
  let top = new Map();
  const size = (item) => item.startsWith("lane") ? LANE : ROW;
  const place = (used, items, column, beside) => {
    const at = new Map();
    const rank = (list) => list.forEach((item, row) => at.set(item, (row + .5) / list.length));
    for (const list of items.values()) {
      list.sort((a, b) => (parseInt(a) || 0) - (parseInt(b) || 0));
      rank(list);
    }
    for (let sweep = 0; sweep < 6; sweep++) {
      for (const column of sweep % 2 ? used : [...used].reverse()) {
        const list = items.get(column);
        const near = (item) => beside.has(item) ? mean(beside.get(item).map((next) => at.get(next))) : 2;
        const where = new Map(list.map((item) => [item, near(item)]));
        list.sort((a, b) => a.startsWith("more") - b.startsWith("more") || where.get(a) - where.get(b));
        rank(list);
      }
    }
    top = new Map();
    let height = 0;
    for (const list of items.values()) {
      let y = TOP;
      for (const item of list) { top.set(item, y); y += size(item); }
      height = Math.max(height, y);
    }
    stage.style.height = `${height + EDGE}px`;
    if (height > TALL) return;
    const middle = (item) => top.get(item) + size(item) / 2;
    for (let sweep = 0; sweep < 6; sweep++) {
      for (const column of sweep % 2 ? [...used].reverse() : used) {
        const list = items.get(column);
        const wanted = list.map((item) => {
          return beside.has(item) ? mean(beside.get(item).map(middle)) - size(item) / 2 : top.get(item);
        });
        let end = TOP;
        list.forEach((item, row) => {
          const y = Math.max(end, wanted[row]);
          top.set(item, y);
          end = y + size(item);
        });
        let limit = height;
        for (let row = list.length - 1; row >= 0; row--) {
          const y = Math.min(top.get(list[row]), limit - size(list[row]));
          top.set(list[row], y);
          limit = y;
        }
      }
    }
  };

  const textWidth = (item) => {
    if (item.startsWith("more")) return 0;
    const { label, about, names } = nodes[+item];
    return 26 + Math.max(label.length * 7.3 + (names.length > 1 ? 24 : 0), Math.min(about.length, 24) * 5.8);
  };
  const paint = (used, drawn, hidden, links, column) => {
    const small = across < 620, gap = small ? 34 : used.length > 4 ? 42 : 62;
    // A column is as wide as its longest text if there is room, and never so narrow that names are lost.
    const wanted = used.map((at) => Math.min(230, Math.max(104, ...drawn[at].map(textWidth))));
    const room = across - 2 * EDGE - gap * (used.length - 1);
    const total = (most) => wanted.reduce((sum, width) => sum + Math.min(width, most), 0);
    let most = 230;
    while (most > 112 && total(most) > room) most -= 2;
    const scale = Math.max(1, Math.min(1.4, room / total(most)));
    const width = new Map(used.map((at, index) => [at, Math.min(wanted[index], most) * scale]));
    const x = new Map();
    let right = EDGE;
    for (const at of used) { x.set(at, right); right += width.get(at) + gap; }
    stage.style.width = `${right - gap + EDGE}px`;
    heads.replaceChildren(...used.map((at) => {
      const head = make("span", columns[at]);
      head.title = columns[at];
      head.style.cssText = `left:${x.get(at)}px;width:${width.get(at)}px`;
      return head;
    }));
    for (const box of boxes.values()) box.remove();
    boxes = new Map();
    for (const at of used) {
      for (const item of drawn[at]) {
        const box = item.startsWith("more") ? moreBox(hidden[at]) : boxOf(+item, width.get(at));
        box.style.cssText = `left:${x.get(at)}px;top:${top.get(item)}px;width:${width.get(at)}px`;
        box.tabIndex = boxes.size ? -1 : 0;
        box.dataset.item = item;
        boxes.set(item, box);
        stage.append(box);
      }
    }
    const half = (item) => top.get(item) + (item.startsWith("lane") ? LANE : BOX) / 2;
    edges = links;
    const drawnEdges = links.map((link) => {
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const from = column.get(link.from), to = column.get(link.to);
      let px = x.get(from) + width.get(from), py = half(link.from), d;
      const curve = (nx, ny) => ` C${(px + nx) / 2} ${py} ${(px + nx) / 2} ${ny} ${nx} ${ny}`;
      if (from < to) {
        d = `M${px} ${py}`;
        for (const lane of link.stops) {
          d += curve(x.get(column.get(lane)), half(lane));
          px = x.get(column.get(lane)) + width.get(column.get(lane));
          py = half(lane);
          d += ` H${px}`;
        }
        d += curve(x.get(to), half(link.to));
      } else {
        // Groups in each other, and workloads with roles on workloads: around the right of the column, or back.
        const end = x.get(to) + width.get(to), out = from === to ? end + gap * .6 : (x.get(from) + end) / 2;
        if (from !== to) px = x.get(from);
        d = `M${px} ${py} C${out} ${py} ${out} ${half(link.to)} ${end} ${half(link.to)} l7 -4 m-7 4 l7 4`;
      }
      line.setAttribute("d", d);
      const isOfMany = link.from.startsWith("more") || link.to.startsWith("more");
      line.setAttribute("class", `${link.sure ? "" : "possible"} ${isOfMany ? "many" : ""}`);
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = edgeText(link);
      line.append(title);
      link.line = line;
      return line;
    });
    svg.replaceChildren(...drawnEdges);
    light();
  };

  const label = (item) => item.startsWith("more") ? boxes.get(item).title : nodes[+item].label;
  const edgeText = (link) => {
    const allowed = unique(link.ways.flatMap((way) => way.allowed)).sort((a, b) => a - b);
    const about = link.ways.flatMap((way) => [...way.notes, ...(link.sure ? [] : way.doubts)]);
    const verdict = `${link.sure ? "certain" : "perhaps"}: ${allowed.map((at) => permissions[at]).join(", ")}`;
    const some = unique(about).slice(0, 5).map((at) => texts[at]);
    return [`${label(link.from)} \u2192 ${label(link.to)}`, verdict, ...some].join("\n");
  };
  // How many others of its kind a box stands for. Assignments of one role at one scope are one role.
  const others = (node) => node.kind === "role" || node.kind === "policy" ? 0 : node.names.length - 1;
  // Where the name of a role does not fit, what all roles of Key Vault begin with is in the second line.
  const FIRST = "Key Vault ";
  const linesOf = ({ kind, label, about }, width) => kind === "role" && label.startsWith(FIRST) &&
    label.length * 7.3 + 26 > width ? [label.slice(FIRST.length), `${FIRST.trim()}, ${about}`] : [label, about];
  const boxOf = (number, width) => {
    const node = nodes[number];
    const [first, second] = linesOf(node, width);
    const box = make("button", "", `node k-${node.kind} ${node.state}${others(node) ? " shared" : ""}`);
    box.type = "button";
    const names = node.names.slice(0, 10);
    if (node.names.length > 10) names.push(`and ${node.names.length - 10} more`);
    box.title = [...unique([node.label, ...names]), node.about, ...node.facts].filter(Boolean).join("\n");
    if (others(node)) box.append(make("b", `+${others(node)}`));
    const text = make("span", first);
    text.dir = "auto";
    box.append(text, make("small", second));
    return box;
  };
  const moreBox = (hidden) => {
    const box = make("button", "", "node more");
    box.type = "button";
    box.title = `${hidden.length} more in this column; open to draw ${Math.min(hidden.length, STEP)} of them`;
    box.append(make("span", `${hidden.length} more`), make("small", "open to draw them"));
    return box;
  };

  // What is on a way through the pressed box. Filters select the ways, so no two ways are combined.
  const light = () => {
    const isThrough = (way) => way.path.includes(pressed) || way.vaults.includes(pressed);
    const through = pressed === null ? [] : unique(edges.flatMap((link) => link.ways)).filter(isThrough);
    const lit = new Set(through);
    const on = new Set();
    svg.classList.toggle("dim", pressed !== null);
    for (const link of edges) {
      const is = link.ways.some((way) => lit.has(way) && passes(way, link));
      link.line.classList.toggle("lit", is);
      if (is) { on.add(link.from); on.add(link.to); svg.append(link.line); }
    }
    for (const [item, box] of boxes) {
      box.classList.toggle("dimmed", pressed !== null && !on.has(item) && item !== `${pressed}`);
      box.setAttribute("aria-pressed", item === `${pressed}`);
    }
    describe(through);
  };
  // Of a way to several vaults, one of which is pressed, the edges to the others are not on it.
  const passes = (way, link) => way.path.includes(pressed) || !link.ends || link.to === `${pressed}`;

  const describe = (through) => {
    if (pressed === null) {
      panel.replaceChildren(make("p", "Select a box to see its paths."));
      return;
    }
    const node = nodes[pressed];
    const facts = node.kind === "vault" ? node.facts : [node.about, ...node.facts];
    const parts = [make("h3", node.label), make("p", facts.filter(Boolean).join(" \u00b7 "))];
    if (node.names.length > 1) {
      const names = make("details"), list = make("ul");
      names.append(make("summary", `${node.names.length} names`), list);
      for (const name of node.names.slice(0, NAMED)) list.append(make("li", name));
      const rest = node.names.length - NAMED;
      if (rest > 0) list.append(make("li", `and ${rest} more in the tables below`));
      parts.push(names);
    } else if (node.names[0] !== node.label) parts.push(make("p", node.names[0]));
    const button = make("button", "Show only these paths");
    button.type = "button";
    button.dataset.do = "only";
    parts.push(button);
    const list = make("ul");
    const name = (number) => {
      const { kind, label, about } = nodes[number];
      const more = others(nodes[number]);
      return kind === "role" || kind === "policy" ? `${label} ${about}` : more ? `${label} +${more}` : label;
    };
    for (const way of through.slice(0, LISTED)) {
      const ends = way.path.includes(pressed) ? way.vaults : [pressed];
      const item = make("li", "", way.sure ? "bad" : "open");
      const last = ends.slice(0, 5).map(name).join(", ") + (ends.length > 5 ? ` and ${ends.length - 5} more` : "");
      const allowed = way.allowed.map((at) => permissions[at]).join(", ");
      const steps = [...way.path.map(name), last].join(" \u2192 ");
      item.append(make("b", way.sure ? "yes " : "perhaps "), `${allowed}: ${steps}`);
      for (const at of [...way.notes, ...way.doubts.slice(0, 5)]) item.append(make("p", texts[at]));
      list.append(item);
    }
    const rest = through.length - LISTED;
    if (rest > 0) list.append(make("li", `and ${rest} more paths: filter, or see the tables below`));
    panel.replaceChildren(...parts, list);
  };

  const setZoom = (value) => {
    zoom = Math.min(2.5, Math.max(.15, value));
    stage.style.zoom = zoom;
  };
  const reset = () => {
    limits = columns.map(() => MOST);
    only = pressed = null;
    for (const input of root.querySelectorAll("[data-field]")) input.value = "";
    field("certain").checked = false;
  };
  const again = () => {
    draw();
    frame.scrollTo(0, 0);
  };
  const actions = {
    reset: () => { reset(); setZoom(1); again(); },
    in: () => setZoom(zoom * 1.25),
    out: () => setZoom(zoom / 1.25),
    fit: () => setZoom(Math.min(1, frame.clientWidth / stage.offsetWidth, frame.clientHeight / stage.offsetHeight)),
    only: () => { only = pressed; again(); },
  };
  root.addEventListener("click", (event) => {
    const action = event.target.closest("[data-do]"), box = event.target.closest(".node");
    if (action) actions[action.dataset.do]();
    else if (box && box.classList.contains("more")) {
      const at = +box.dataset.item.slice(4);
      limits[at] += STEP;
      draw();
      (boxes.get(box.dataset.item) || [...boxes.values()].at(-1)).focus();
    } else if (box) {
      pressed = `${pressed}` === box.dataset.item ? null : +box.dataset.item;
      light();
    } else if (event.target.closest(".frame") && pressed !== null && !moved) { pressed = null; light(); }
  });
  let waiting = 0;
  root.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { pressed = null; again(); }, 120);
  });
  frame.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && pressed !== null) { pressed = null; light(); return; }
    const here = event.target.closest(".node");
    if (!here || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const by = (box) => [parseFloat(box.style.left), parseFloat(box.style.top)], [hx, hy] = by(here);
    let best = null, least = Infinity;
    for (const box of boxes.values()) {
      const [x, y] = by(box), dx = x - hx, dy = y - hy;
      const is = { ArrowUp: !dx && dy < 0, ArrowDown: !dx && dy > 0, ArrowLeft: dx < 0, ArrowRight: dx > 0 };
      const far = Math.abs(dx) * 1000 + Math.abs(dy);
      if (is[event.key] && far < least) { best = box; least = far; }
    }
    if (best) { here.tabIndex = -1; best.tabIndex = 0; best.focus(); }
  });
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    setZoom(zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
  }, { passive: false });
  let start = null, moved = false;
  frame.addEventListener("pointerdown", (event) => {
    moved = false;
    if (event.pointerType === "mouse" && event.button === 0 && !event.target.closest(".node")) {
      start = [event.clientX, event.clientY, frame.scrollLeft, frame.scrollTop];
    }
  });
  addEventListener("pointermove", (event) => {
    if (!start) return;
    const dx = event.clientX - start[0], dy = event.clientY - start[1];
    moved = moved || Math.abs(dx) + Math.abs(dy) > 4;
    frame.classList.toggle("moving", moved);
    frame.scrollTo(start[2] - dx, start[3] - dy);
  });
  addEventListener("pointerup", () => { start = null; frame.classList.remove("moving"); });
  addEventListener("resize", () => { if (frame.clientWidth !== across) { across = frame.clientWidth; draw(); } });

  for (const node of nodes) {
    if (node.kind === "vault" && node.names.length) {
      for (const name of node.names.slice(0, NAMED)) {
        const option = make("option");
        option.value = name;
        document.getElementById("picture-vaults").append(option);
      }
    }
  }
  one("[data-without]").hidden = true;
  one("[data-with]").hidden = false;
  across = frame.clientWidth;
  reset();
  setZoom(1);
  draw();
})();
