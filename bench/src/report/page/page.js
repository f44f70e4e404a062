// Lets a reader point at the charts: by mouse, by finger, or by keyboard through a slider. What can be
// pointed at, and what is told of it, comes with each chart as data; switches need no script.
"use strict";

for (const figure of document.querySelectorAll(".chart")) {
    const data = figure.querySelector('script[type="application/json"]');
    if (data) pointAt(figure, JSON.parse(data.textContent));
}

for (const box of document.querySelectorAll(".scroll")) {
    // A stop for the keyboard only where there is something to scroll to.
    const look = () => {
        if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
        else box.removeAttribute("tabindex");
    };
    look();
    addEventListener("resize", look);
}

function pointAt(figure, stops) {
    const plots = [...figure.querySelectorAll(".plot")];
    const step = figure.querySelector(".step");
    const slider = step.querySelector("input");
    let shown = [];
    let pointed = null;

    const isOn = (variant) =>
        variant === undefined || figure.querySelector(`.variants .v${variant} > input`)?.checked !== false;
    const scale = () => figure.querySelector(".scales input:checked").value;

    /** Leaves to the slider what is switched on. */
    function choose() {
        shown = stops.filter((stop) => stop.dots.some((dot) => isOn(dot.variant)));
        slider.max = Math.max(shown.length - 1, 0);
        slider.disabled = shown.length === 0;
        if (pointed && shown.includes(pointed.stop)) show(pointed.stop, pointed.plot);
        else hide();
    }

    function hide() {
        pointed = null;
        for (const mark of figure.querySelectorAll(".tip, .guide, .ring")) mark.remove();
    }

    /** Shows a stop, its words in the given plot or in the first that it has a place in. */
    function show(stop, plot) {
        hide();
        const dots = stop.dots.filter((dot) => isOn(dot.variant));
        const home = dots.find((dot) => dot.plot === plot) ?? dots[0];
        if (!home) return;
        pointed = { stop, plot };
        const lines = stop.lines.filter((line) => isOn(line.variant));
        slider.value = shown.indexOf(stop);
        slider.setAttribute("aria-valuetext", [stop.head, ...lines.map((line) => line.text)].join("; "));
        const guided = new Set();
        for (const dot of dots) {
            const [x, y] = dot[scale()];
            if (!guided.has(dot.plot)) place(dot.plot, "guide", x);
            guided.add(dot.plot);
            if (dot.mark) place(dot.plot, `ring${dot.variant === undefined ? "" : ` v${dot.variant}`}`, x, y);
        }
        tell(plots[home.plot], home[scale()], stop.head, lines);
    }

    function place(plot, name, x, y) {
        const mark = document.createElement("div");
        mark.className = name;
        mark.style.left = `${x * 100}%`;
        if (y !== undefined) mark.style.top = `${y * 100}%`;
        plots[plot].append(mark);
    }

    /** Words beside a place, kept within the figure. */
    function tell(plot, [x, y], head, lines) {
        const tip = document.createElement("div");
        tip.className = "tip";
        tip.setAttribute("aria-hidden", "true");
        const title = document.createElement("strong");
        title.textContent = head;
        tip.append(title);
        for (const line of lines) {
            const words = document.createElement("p");
            if (line.variant !== undefined) words.className = `v${line.variant}`;
            words.textContent = line.text;
            tip.append(words);
        }
        plot.append(tip);
        const room = plot.getBoundingClientRect();
        const whole = figure.getBoundingClientRect();
        const gap = 14;
        const beside = x * room.width + gap;
        const fits = room.left + beside + tip.offsetWidth <= whole.right;
        const left = fits ? beside : x * room.width - gap - tip.offsetWidth;
        tip.style.left = `${Math.max(left, whole.left - room.left)}px`;
        const top = Math.min(y * room.height + gap, room.height - tip.offsetHeight);
        tip.style.top = `${room.height < tip.offsetHeight ? room.height : Math.max(top, 0)}px`;
    }

    function nearest(event, plot) {
        const room = plots[plot].getBoundingClientRect();
        const at = (event.clientX - room.left) / room.width;
        let best = null;
        let least = Infinity;
        for (const stop of shown) {
            for (const dot of stop.dots) {
                const far = Math.abs(dot[scale()][0] - at);
                if (dot.plot === plot && isOn(dot.variant) && far < least) {
                    best = stop;
                    least = far;
                }
            }
        }
        return best;
    }

    plots.forEach((element, plot) => {
        const point = (event) => {
            const stop = nearest(event, plot);
            if (stop) show(stop, plot);
        };
        element.addEventListener("pointermove", point);
        element.addEventListener("pointerdown", point);
        element.addEventListener("pointerleave", (event) => {
            // A finger that lets go has not left: what it asked for stays until the next touch.
            if (event.pointerType === "mouse") hide();
        });
    });
    document.addEventListener("pointerdown", (event) => {
        if (!figure.contains(event.target)) hide();
    });
    const slide = () => {
        if (shown.length > 0) show(shown[slider.valueAsNumber]);
    };
    slider.addEventListener("input", slide);
    slider.addEventListener("focus", slide);
    slider.addEventListener("blur", hide);
    figure.addEventListener("keydown", (event) => {
        if (event.key === "Escape") hide();
    });
    figure.querySelector(".switches").addEventListener("change", choose);
    choose();
    step.hidden = false;
}
