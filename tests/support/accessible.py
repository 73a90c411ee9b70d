"""What keeps a reader from a page: axe-core's serious findings, and what Lighthouse would ask."""

from axe_playwright_python.sync_playwright import Axe

# Off by default, as it is of a later standard than the rest.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
SMALLEST = 12


def violations(page):
    """axe-core's serious and critical violations, each with its rule and the elements at fault."""
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [
        (one["id"], [node["html"][:120] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def flaws(page):
    """What a page must tell of itself and how it must read, as sentences of what is missing."""
    return page.evaluate(FLAWS, SMALLEST)


FLAWS = """smallest => {
    const flaws = [], all = (what) => [...document.querySelectorAll(what)];
    const said = (name) => document.querySelector(`meta[name=${name}]`)?.content.trim();
    if (!document.title.trim()) flaws.push("no title");
    if (!document.documentElement.lang) flaws.push("no language");
    if (!said("viewport")?.includes("width=device-width")) flaws.push("no viewport");
    if (/maximum-scale|user-scalable/.test(said("viewport"))) flaws.push("no zoom");
    if (!said("description")) flaws.push("no description");
    if (document.doctype?.name !== "html") flaws.push("no doctype");
    if (all("main").length !== 1) flaws.push("not one main part");
    if (all("h1").length !== 1) flaws.push("not one first heading");
    let level = 0;
    for (const heading of all("h1, h2, h3, h4, h5, h6")) {
        const next = Number(heading.tagName[1]);
        if (next > level + 1) flaws.push(`heading skips to ${next}: ${heading.textContent}`);
        level = next;
    }
    for (const image of all("img:not([alt])")) flaws.push(`no alternative: ${image.outerHTML}`);
    const ids = all("[id]").map((one) => one.id);
    for (const id of new Set(ids))
        if (ids.filter((i) => i === id).length > 1) flaws.push(`two ${id}`);
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
        const text = words.currentNode.data.trim(), holder = words.currentNode.parentElement;
        if (!text || holder.closest("script, style, sup, sub, math, tspan")) continue;
        if (!holder.getClientRects().length) continue;
        const size = parseFloat(getComputedStyle(holder).fontSize);
        if (size < smallest) flaws.push(`${size} px: ${text.slice(0, 40)}`);
    }
    return flaws;
}"""
