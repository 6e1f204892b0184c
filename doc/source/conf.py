# SPDX-License-Identifier: Apache-2.0
"""Sphinx settings of the documentation."""

extensions = ["oslo_config.sphinxext", "sphinx.ext.autodoc"]

project = "pci_sched"
author = "pci_sched contributors"
project_copyright = author

html_theme = "alabaster"
html_theme_options = {
    "description": "PCI passthrough scheduling for OpenStack Nova",
}

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"

# A build needs no network, so references into other projects stay plain.
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|dataclasses|datetime|enum|os|pathlib)\..*"),
    (r"py:.*", r"(sqlalchemy|typing)\..*"),
    # Sphinx splits such a type at its comma.
    (r"py:class", r"tuple\[~pci_sched\..*"),
    # What an option of nova.conf is read into.
    (r"py:.*", r"pci_sched\.inputs\.nova_spread\..*"),
    # How a refusal came about is a matter of the room itself.
    (r"py:.*", r"pci_sched\.matching\.rules\..*"),
]
