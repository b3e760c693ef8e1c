"""One device as an estimate needs it, wherever it is described: in the catalog with its server, or in the scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from costmodel import profile
from costmodel.catalog import CatalogError, formats, hardware, nodes
from costmodel.costs.energy import host_power_per_device, power_of_cores
from costmodel.fields import Format
from costmodel.scenario import DeviceSpec
from costmodel.source import clash

# Formats in which a device trains when nothing is said, best first.
USUAL = ("bf16", "fp16", "fp32")
SPEC = ("memory", "memory_bandwidth", "tdp", "idle", "link_bandwidth", "scale_up_domain", "network_bandwidth")


@dataclass(frozen=True, slots=True)
class Device:
    """A device's figures in SI (None where unsaid) and its dense peak per format.

    `id` and `architecture` are those of the catalog; `profile` is the name of what was measured on the device.
    """

    name: str
    id: str | None
    status: str
    source: str
    figures: dict[str, float | None]
    peaks: dict[str, float]
    profile: str | None = None
    warnings: tuple[str, ...] = ()
    architecture: str = ""

    @property
    def usual_format(self) -> str:
        """The format of its matrix products when nothing is said. Raises CatalogError when it has none of them."""
        for name in USUAL:
            if name in self.peaks:
                return name
        advice = "add one to hardware.peak" if self.status == "given" else "give hardware as a mapping with one"
        raise CatalogError(f"hardware {self.name} states no {', '.join(USUAL)} peak; {advice}")

    def wide_format(self, compute: str) -> str:
        """The format of what narrow formats leave alone (head, attention, activations): 16 bits, or a wider `compute`.

        Raises CatalogError when the device has no usual format.
        """
        return max(compute, self.usual_format, key=lambda name: formats.number_format(name).bytes)

    def peak(self, number_format: str, path: str = "precision.compute") -> float:
        """Dense peak in a format that `path` asks for [FLOP/s]. Raises ScenarioError with those that the device has."""
        if (found := formats.peak(self.peaks, number_format)) is not None:
            return found
        known = ", ".join(f for f in get_args(Format) if formats.peak(self.peaks, f) is not None)
        instead = f"write one of {known}"
        if path == "precision.compute" and number_format == "int4":
            instead += "; for weights alone in int4 write compression=int4, or precision.weights=int4"
        raise clash(path, f"hardware {self.name} has no peak for {number_format}; {instead}")

    def figure(self, name: str) -> float:
        """A figure that every device must have. Raises CatalogError."""
        value = self.figures[name]
        if value is None:
            raise CatalogError(f"hardware {self.name} states no {name}; give hardware as a mapping with one")
        return value


def device(spec: str | DeviceSpec, user: str) -> Device:
    """The device that a scenario names or describes; `user` is the source of what it describes itself.

    A name is one of the catalog, or that of a profile of a machine measured as a whole (local). Raises CatalogError for
    a name that is unknown or ambiguous, ProfileError for a profile that is missing or broken.
    """
    if isinstance(spec, DeviceSpec):
        figures = {name: getattr(spec, name) for name in SPEC}
        peaks = {str(name): peak for name, peak in spec.peak.items()}
        return Device(spec.name or "custom device", None, "given", user, figures, peaks)
    if (measured := profile.machine(spec)) is not None:
        return _measured(spec, measured)
    row = hardware.device(spec)
    node = nodes.node_for(row.id)
    figures = {name: getattr(row, name) for name in SPEC if name != "network_bandwidth"}
    figures["cache"], figures["multiprocessors"] = row.l2, row.sms
    figures["network_bandwidth"] = node.network_bandwidth if node else None
    figures["node_devices"] = node.devices if node else None
    if node and node.system_power_max:
        figures["host_power"] = host_power_per_device(node.system_power_max, node.devices, row.tdp)
    if not row.link_bandwidth or row.link_type.startswith("PCIe"):  # cards without a fast link share a server's PCIe
        figures["link_bandwidth"], figures["scale_up_domain"] = row.pcie_bandwidth, figures["node_devices"]
    peaks = dict(row.peaks)
    return Device(row.id, row.id, "catalog", row.source, figures, peaks, architecture=row.architecture)


def _measured(name: str, made: dict[str, Any]) -> Device:
    """A machine as its own records found it; what they cannot tell stays unsaid."""
    facts = made["hardware"]
    figures: dict[str, float | None] = dict.fromkeys(SPEC) | {k: v for k, v in facts.items() if ":" not in k}
    figures |= {"scale_up_domain": 1.0, "node_devices": 1.0, "host_power": 0.0}
    if figures["tdp"] is None:
        figures["tdp"] = power_of_cores(facts["cores"])
    peaks = {kind.removeprefix("peak:"): rate for kind, rate in facts.items() if kind.startswith("peak:")}
    described = made.get("environment", {}).get("cpu") or name
    source = f"profile {name}: measured on {described}, {str(made.get('environment', {}).get('date', ''))[:10]}"
    warnings = (*made.get("warnings", ()), *(_elsewhere(made) if name == profile.LOCAL else ()))
    return Device(name, None, "fitted", source, figures, peaks, name, warnings)


def _elsewhere(made: dict[str, Any]) -> tuple[str, ...]:
    """A warning when the profile of "this machine" was made on another one."""
    from costmodel.calibration.measure import host

    then = made.get("environment", {}).get("cpu"), made["hardware"].get("cores")
    now = host.model(), float(host.cores())
    if then == now or made.get("device", "cpu") != "cpu":
        return ()
    return (f"profile local was made on {then[0]} with {then[1]:g} cores, this is {now[0]}: run costmodel calibrate",)
