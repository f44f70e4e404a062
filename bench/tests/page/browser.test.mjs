// The report's page in headless Chromium: that it is quiet, that its charts answer by mouse, finger and
// keyboard with the figures of run.json, and that axe finds nothing on any page in any mode.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import { chromium } from "playwright-core";

const PAGES = process.env.PAGES;
const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",
];
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };

let browser;

before(async () => {
    const paths = process.env.PATH.split(delimiter).flatMap((dir) => NAMES.map((name) => join(dir, name)));
    browser = await chromium.launch({ executablePath: paths.find(existsSync), args: QUIET });
});

after(() => browser?.close());

/** Opens a page in a fresh context; what it complains of or asks for is collected. */
async function open(name, options = {}) {
    const context = await browser.newContext({ viewport: DESKTOP, ...options });
    const page = await context.newPage();
    const noise = [];
    const url = pathToFileURL(join(PAGES, name)).href;
    page.on("console", (message) => noise.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => noise.push(`error: ${error}`));
    page.on("request", (request) => {
        const asked = request.url();
        // An icon of no bytes is in the page itself.
        if (asked !== url && !asked.startsWith("data:")) noise.push(`request: ${asked}`);
    });
    await page.goto(url);
    return { page, noise, close: () => context.close() };
}

const golden = (options) => open("golden.html", options);

const run = () => JSON.parse(readFileSync(join(PAGES, "golden.json"), "utf8"));

/** `+1.23 ms` in microseconds. */
function microseconds(text) {
    const [, number, unit] = text.replace("−", "-").match(/([+-]?[\d.]+) (µs|ms|s)/);
    return Number(number) * { "µs": 1, ms: 1e3, s: 1e6 }[unit];
}

/** Three digits of a number are within half a unit of the third. */
function assertShows(text, exact) {
    assert.ok(Math.abs(microseconds(text) - exact) <= Math.abs(exact) * 0.0051, `${text} for ${exact}`);
}

const tip = (page, chart) => page.locator(`.chart.${chart} .tip`);
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

const MODES = {
    light: { colorScheme: "light" },
    dark: { colorScheme: "dark" },
    phone: { colorScheme: "light", viewport: PHONE, hasTouch: true, isMobile: true },
    tablet: { colorScheme: "light", viewport: { width: 768, height: 1024 } },
    "phone, dark": { colorScheme: "dark", viewport: PHONE, hasTouch: true, isMobile: true },
};

for (const name of readdirSync(PAGES).filter((name) => name.endsWith(".html"))) {
    for (const [mode, options] of Object.entries(MODES)) {
        test(`${name} is quiet, fits and is accessible: ${mode}`, async () => {
            const { page, noise, close } = await open(name, options);
            assert.ok((await overflow(page)) <= 0, `wider than the window by ${await overflow(page)} px`);
            // Injected past the page's own policy, which would not let it in.
            await page.evaluate(axe.source);
            const { violations } = await page.evaluate(() =>
                window.axe.run(document, { resultTypes: ["violations"] }),
            );
            const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
            assert.deepEqual(told, []);
            assert.deepEqual(noise, []);
            await close();
        });
    }
}

test("the mouse on a trial tells its figures", async () => {
    const { page, noise, close } = await golden();
    const trials = run().trials;
    const plot = page.locator(".chart.trials .plot").first();
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    for (const at of [0, 13, trials.length - 1]) {
        await page.mouse.move(box.x + (box.width * (at + 0.5)) / trials.length, box.y + 50);
        const words = await tip(page, "trials").innerText();
        assert.match(words, new RegExp(`Trial ${at + 1}, block ${trials[at].block}`));
        assert.ok(words.includes(trials[at].variant), words);
        assertShows(words.match(/p50 (.*)/)[1], trials[at].response_time_us.p50);
        assertShows(words.match(/p99 (.*)/)[1], trials[at].response_time_us.p99);
        if (trials[at].rejected) assert.ok(words.includes(trials[at].rejected), words);
    }
    await page.mouse.move(5, 5);
    assert.equal(await tip(page, "trials").count(), 0);
    assert.deepEqual(noise, []);
    await close();
});

test("the mouse on an overhead tells its interval", async () => {
    const { page, close } = await golden();
    const first = run().comparisons.find((row) => row.name === "mtls-overhead" && row.quantile === "p50");
    await page.locator(".chart.overhead .plot").first().hover();
    const words = await tip(page, "overhead").innerText();
    const [, point, low, high] = words.match(/(\S+ µs) \[(\S+), (\S+)\]/);
    assertShows(point, first.overhead_us.point);
    assertShows(`${low} µs`, first.overhead_us.low);
    assertShows(`${high} µs`, first.overhead_us.high);
    await close();
});

test("the mouse on the curves tells each variant that is switched on", async () => {
    const { page, close } = await golden();
    const chart = page.locator(".chart.percentiles");
    await chart.locator(".plot").hover();
    assert.match(await tip(page, "percentiles").innerText(), /^\d+\.\d+ %\n/);
    for (const name of ["no-proxy", "plaintext", "strict", "plaintext#2"]) {
        assert.ok((await tip(page, "percentiles").innerText()).includes(`${name} `), name);
    }
    await chart.getByLabel("strict").uncheck();
    await chart.locator(".plot").hover();
    assert.ok(!(await tip(page, "percentiles").innerText()).includes("strict"));
    await close();
});

test("a switch hides its variant, by keyboard too", async () => {
    const { page, close } = await golden();
    for (const [chart, drawn] of [["percentiles", "polyline.v2"], ["trials", ".mark.v2"]]) {
        const figure = page.locator(`.chart.${chart}`);
        const seen = () => figure.locator(`.log ${drawn}`).first().isVisible();
        const others = () => figure.locator(`.log ${drawn.replace("v2", "v1")}`).first().isVisible();
        assert.ok(await seen());
        await figure.getByLabel("strict").focus();
        await page.keyboard.press("Space");
        assert.ok(!(await seen()) && (await others()), chart);
        await page.keyboard.press("Space");
        assert.ok(await seen());
    }
    await close();
});

test("linear and log change the axis and what stands on it", async () => {
    const { page, close } = await golden();
    for (const chart of ["overhead", "percentiles", "trials"]) {
        const figure = page.locator(`.chart.${chart}`);
        const ticks = () => figure.locator(".tick:visible").allTextContents();
        await figure.getByLabel("log").check();
        const before = await ticks();
        await figure.getByLabel("log").focus();
        await page.keyboard.press("ArrowRight");
        assert.ok(await figure.getByLabel("linear").isChecked());
        const after = await ticks();
        assert.ok(after.length > 2, after.join());
        assert.notDeepEqual(after, before, chart);
        await figure.locator(".plot").first().hover();
        const ring = await figure.locator(".ring").first().boundingBox();
        const plot = await figure.locator(".plot").first().boundingBox();
        assert.ok(ring.x > plot.x - 10 && ring.y > plot.y - 10, "the ring is on the plot");
    }
    await close();
});

test("the ring is where the mark is, on either scale", async () => {
    const { page, close } = await golden();
    const figure = page.locator(".chart.trials");
    const plot = figure.locator(".plot").first();
    for (const scale of ["log", "linear"]) {
        await figure.getByLabel(scale).check();
        await plot.scrollIntoViewIfNeeded();
        const mark = await plot.locator(`.${scale} .mark`).nth(4).boundingBox();
        await page.mouse.move(mark.x + mark.width / 2, mark.y + mark.height / 2);
        const ring = await figure.locator(".plot").first().locator(".ring").boundingBox();
        assert.ok(Math.abs(ring.x + ring.width / 2 - mark.x - mark.width / 2) < 1.5, scale);
        assert.ok(Math.abs(ring.y + ring.height / 2 - mark.y - mark.height / 2) < 1.5, scale);
    }
    await close();
});

test("the keyboard steps through what can be pointed at", async () => {
    const { page, close } = await golden();
    const figure = page.locator(".chart.trials");
    const slider = figure.getByLabel("Trial", { exact: true });
    await slider.focus();
    assert.match(await tip(page, "trials").innerText(), /Trial 1, /);
    await page.keyboard.press("ArrowRight");
    assert.match(await tip(page, "trials").innerText(), /Trial 2, /);
    assert.match(await slider.getAttribute("aria-valuetext"), /Trial 2, block 1; .*p50 /);
    await page.keyboard.press("End");
    assert.match(await tip(page, "trials").innerText(), new RegExp(`Trial ${run().trials.length}, `));
    await page.keyboard.press("Escape");
    assert.equal(await tip(page, "trials").count(), 0);
    // Only what is switched on is stepped through.
    for (const name of ["no-proxy", "plaintext", "plaintext#2"]) {
        await figure.getByLabel(name, { exact: true }).uncheck();
    }
    await slider.focus();
    await page.keyboard.press("Home");
    const strict = run().trials.findIndex((trial) => trial.variant === "strict") + 1;
    assert.match(await tip(page, "trials").innerText(), new RegExp(`Trial ${strict}, `));
    await figure.getByLabel("strict").uncheck();
    assert.ok(await slider.isDisabled());
    await close();
});

test("a finger keeps what it asked for until it touches elsewhere", async () => {
    const { page, close } = await golden(MODES.phone);
    await page.locator(".chart.trials .plot").first().tap();
    assert.match(await tip(page, "trials").innerText(), /Trial \d+, /);
    const box = await tip(page, "trials").boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= PHONE.width, "the words are on the screen");
    await page.locator("h1").tap();
    assert.equal(await tip(page, "trials").count(), 0);
    await close();
});

test("without a script all is there, and the switches work", async () => {
    const { page, close } = await golden({ javaScriptEnabled: false });
    for (const chart of ["overhead", "percentiles", "trials"]) {
        const figure = page.locator(`.chart.${chart}`);
        assert.ok(await figure.locator(".ink").first().isVisible());
        assert.ok(await figure.locator(".step").isHidden(), "no slider that does nothing");
        await figure.getByLabel("linear").check();
        assert.equal(await figure.locator(".log line:visible").count(), 0);
    }
    const curves = page.locator(".chart.percentiles");
    await curves.getByLabel("strict").uncheck();
    assert.ok(await curves.locator(".linear polyline.v2").isHidden());
    await close();
});

test("labels of the charts do not run into one another", async () => {
    for (const name of readdirSync(PAGES).filter((name) => name.endsWith(".html"))) {
        for (const options of [MODES.light, MODES.phone]) {
            const { page, close } = await open(name, options);
            const crossed = await page.evaluate(() => {
                const found = [];
                for (const ink of document.querySelectorAll(".ink")) {
                    const texts = [...ink.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
                    const seen = texts.filter(([, box]) => box.width > 0);
                    for (const [index, [text, a]] of seen.entries()) {
                        for (const [other, b] of seen.slice(index + 1)) {
                            const apart = a.right < b.left || b.right < a.left || a.bottom < b.top + 1 || b.bottom < a.top + 1;
                            if (!apart) found.push(`${text.textContent} / ${other.textContent}`);
                        }
                    }
                }
                for (const words of document.querySelectorAll(".chart .words")) {
                    if (words.scrollWidth > words.clientWidth + 1) found.push(words.textContent);
                }
                return found;
            });
            assert.deepEqual(crossed, [], name);
            await close();
        }
    }
});

test("on paper it is light, whole and without what is only for handling", async () => {
    const { page, close } = await golden({ colorScheme: "dark", viewport: { width: 703, height: 1000 } });
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(paper, "rgb(255, 255, 255)");
    for (const selector of ["nav", ".skip", ".scales", ".step", ".variants input"]) {
        assert.equal(await page.locator(`${selector}:visible`).count(), 0, selector);
    }
    assert.ok(await page.locator(".variants label").first().isVisible(), "the key of the curves stays");
    assert.ok((await overflow(page)) <= 0, "a table is cut at the edge of the paper");
    const cut = await page.evaluate(() =>
        [...document.querySelectorAll("table")].filter((table) => table.getBoundingClientRect().right > innerWidth)
            .map((table) => table.textContent.slice(0, 60)),
    );
    assert.deepEqual(cut, []);
    const pdf = await page.pdf({ format: "A4", preferCSSPageSize: true });
    assert.ok(pdf.length > 20_000, `${pdf.length} bytes`);
    await close();
});

test("nothing moves where less motion is wished", async () => {
    const { page, close } = await golden({ reducedMotion: "reduce" });
    const moving = await page.evaluate(() => [
        getComputedStyle(document.documentElement).scrollBehavior,
        document.getAnimations().length,
    ]);
    assert.deepEqual(moving, ["auto", 0]);
    await close();
});
