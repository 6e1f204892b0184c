# SPDX-License-Identifier: Apache-2.0
"""A host as text for Graphviz, NUMA nodes as clusters."""

from collections.abc import Iterator

from pci_sched.cli.render import outline, words
from pci_sched.cli.render import runs as vf_runs
from pci_sched.model import device as pci_device
from pci_sched.model import host as pci_host
from pci_sched.topology import build
from pci_sched.topology import node as pci_node

_HEAD = """\
  rankdir=LR;
  labelloc=t;
  fontname="Helvetica";
  node [shape=box, style="rounded,filled", fillcolor=white, \
fontname="Helvetica", fontsize=10];
  edge [color="#57606a", arrowsize=0.6];
"""

_FILLS = {
    "free": "#d6f5dd",
    "claimed": "#fff1c2",
    "allocated": "#d3e5fd",
    "unusable": "#ffdedb",
}


def render(
    host: pci_host.Host,
    *,
    names: words.Names = words.no_names,
    collapse: bool = True,
    show_all: bool = False,
) -> str:
    """Draw a host as a directed graph.

    :param host: Any host.
    :param names: Tells names for people from vendor and product id.
    :param collapse: If true, VFs that look the same share a node.
    :param show_all: If true, also functions that nobody passes through, and
        empty ports and NUMA nodes.
    :returns: The text of one ``digraph``.
    """
    writer = _Writer(names, collapse=collapse)
    sections = outline.sections(build.build(host), show_all=show_all)
    title = f"{words.plain(host.name)}\n{words.summary(host)}"
    body = "".join(
        line
        for number, section in enumerate(sections)
        for line in writer.section(number, section)
    )
    networks = "".join(writer.networks(sections))
    return (
        f"digraph {quote(host.name)} {{\n"
        f"  label={quote(title)};\n{_HEAD}{body}{networks}}}\n"
    )


def quote(text: str) -> str:
    """Write a text so that Graphviz reads it back.

    :param text: Any text; a newline begins a new line in the picture.
    :returns: A quoted string of the DOT language, on one line.
    """
    lines = (words.plain(line) for line in text.split("\n"))
    escaped = (
        line.replace("\\", "\\\\").replace('"', '\\"') for line in lines
    )
    return '"' + "\\n".join(escaped) + '"'


class _Writer:
    """Turns branches into statements; never changes after its making."""

    def __init__(self, names: words.Names, *, collapse: bool) -> None:
        self._names = names
        self._collapse = collapse

    def section(self, number: int, section: outline.Section) -> Iterator[str]:
        """Write the cluster of one NUMA node."""
        yield f"  subgraph cluster_{number} {{\n"
        yield f"    label={quote(section.title)};\n"
        yield '    style="rounded,filled"; fillcolor="#f3f6fa";\n'
        for branch in section.root.walk():
            for line in self._branch(branch, section):
                yield f"    {line}\n"
        yield "  }\n"

    def networks(self, sections: tuple[outline.Section, ...]) -> Iterator[str]:
        """Write the physical networks and what hangs on them."""
        edges = {
            (source, network)
            for section in sections
            for branch in section.root.walk()
            for source, network in self._attached(branch)
        }
        for network in sorted({network for _, network in edges}):
            label = quote(network.name)
            yield f"  {_id(network)} [label={label}, shape=ellipse];\n"
        for source, network in sorted(edges):
            yield (
                f"  {_id(source)} -> {_id(network)} "
                "[style=dashed, arrowhead=none];\n"
            )

    def _branch(
        self, branch: outline.Branch, section: outline.Section
    ) -> Iterator[str]:
        is_section = branch is section.root
        device = branch.device
        if device is not None and not device.dev_type.is_child:
            yield _box(branch.node, self._function(device, section), device)
        elif device is None and not is_section:
            yield _box(branch.node, branch.place)
        for run in self._runs(branch):
            node = pci_node.Node.function(run.first.address)
            yield _box(node, _run_text(run), run.first)
        if is_section:
            return
        for below in self._below(branch):
            yield f"{_id(branch.node)} -> {_id(below)};"

    def _runs(self, branch: outline.Branch) -> tuple[vf_runs.Run, ...]:
        return vf_runs.split(branch.vfs, collapse=self._collapse)

    def _below(self, branch: outline.Branch) -> Iterator[pci_node.Node]:
        for run in self._runs(branch):
            yield pci_node.Node.function(run.first.address)
        for other in branch.others:
            yield other.node

    def _attached(
        self, branch: outline.Branch
    ) -> Iterator[tuple[pci_node.Node, pci_node.Node]]:
        heads = [run.first for run in self._runs(branch)]
        device = branch.device
        if device is not None and not device.dev_type.is_child:
            heads.append(device)
        for head in heads:
            network = head.physical_network
            if network is not None and head.assignable is not False:
                kind = pci_node.NodeKind.PHYSICAL_NETWORK
                node = pci_node.Node.function(head.address)
                yield node, pci_node.Node(kind, network)

    def _function(
        self, device: pci_device.Device, section: outline.Section
    ) -> str:
        is_pf = device.dev_type is pci_device.DevType.PF
        return _lines(
            f"{words.dev_type(device)} {device.address}",
            f"{words.ids(device)} {words.name(device, self._names)}",
            _joined(
                words.netdev(device), words.driver(device), words.link(device)
            ),
            _joined(
                words.vfs(device) if is_pf else "",
                section.numa_word(device),
                words.warning(device),
                words.status(device),
            ),
        )


def _run_text(run: vf_runs.Run) -> str:
    device = run.first
    span = str(device.address)
    if len(run.devices) > 1:
        span = f"{span} … {run.last.address}"
    return _lines(
        run.label,
        span,
        _joined(words.driver(device), words.link(device)),
        words.status(device),
    )


def _lines(*lines: str) -> str:
    return "\n".join(line.strip() for line in lines if line.strip())


def _joined(*parts: str) -> str:
    return "  ".join(filter(None, parts))


def _box(
    node: pci_node.Node, text: str, device: pci_device.Device | None = None
) -> str:
    fill = _FILLS.get(words.state(device)) if device is not None else None
    color = f', fillcolor="{fill}"' if fill else ""
    return f"{_id(node)} [label={quote(text)}{color}];"


def _id(node: pci_node.Node) -> str:
    return quote(f"{node.kind} {node.name}")
