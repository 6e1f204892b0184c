# SPDX-License-Identifier: Apache-2.0
"""The fields that the host document's writer and reader treat alike."""

#: Fields that stand in the document as they are in the model.
SAME = (
    "vendor_id",
    "product_id",
    "class_id",
    "vf_index",
    "sriov_totalvfs",
    "sriov_numvfs",
    "vf_product_id",
    "numa_node",
    "assignable",
)

#: Fields that may say "known, and there is none".
NONEABLE = ("driver", "iommu_group", "card_serial_number", "instance_uuid")

#: The same two kinds for a network device.
NETDEV_SAME = ("mac", "dev_port")
NETDEV_NONEABLE = ("phys_port_name", "phys_switch_id", "bond")
