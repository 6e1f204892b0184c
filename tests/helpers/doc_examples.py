# SPDX-License-Identifier: Apache-2.0
"""The commands of pci-pool that a page shows with their output."""

import re


def of_page(page: str) -> list[tuple[str, str]]:
    """List them.

    :param page: The source of the page.
    :returns: What stands after ``pci-pool``, and what is shown below it.
    """
    blocks = re.findall(
        r"\.\. code-block:: console\n\n((?:   .*\n|\n)+)", page
    )
    found = []
    for block in blocks:
        for example in re.split(r"^   \$ pci-pool ", block, flags=re.M)[1:]:
            lines = [
                line.removeprefix("   ")
                for line in example.strip().split("\n")
            ]
            if len(lines) > 1:
                output = "".join(f"{line}\n" for line in lines[1:])
                found.append((lines[0], output))
    return found
