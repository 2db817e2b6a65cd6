"""The Pricing API's GetProducts for On-Demand Linux instances, which moto lacks."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from werkzeug.wrappers import Response

from sandbox.api import errors
from sandbox.state import prices

_LOCATIONS = {
    "eu-central-1": "EU (Frankfurt)",
    "eu-west-1": "EU (Ireland)",
    "eu-west-2": "EU (London)",
    "us-east-1": "US East (N. Virginia)",
    "us-west-2": "US West (Oregon)",
}
_TERM, _RATE = "JRTCKXETXF", "6YS6EN2CT7"  # AWS's own codes for On-Demand


def answer(operation: str, body: bytes, region: str) -> Response:
    if operation != "GetProducts":
        return errors.error(
            "pricing", "InvalidParameterException", f"the sandbox knows no {operation}", 400
        )
    request = json.loads(body or b"{}")
    found = [_product(kind, region) for kind in _matching(request, region)]
    start, size = int(request.get("NextToken") or 0), int(request.get("MaxResults") or 100)
    page: dict[str, Any] = {
        "FormatVersion": "aws_v1",
        "PriceList": [json.dumps(one) for one in found[start : start + size]],
    }
    if start + size < len(found):
        page["NextToken"] = str(start + size)
    return Response(
        json.dumps(page),
        content_type="application/x-amz-json-1.1",
        headers={"x-amzn-RequestId": str(uuid.uuid4())},
    )


def _matching(request: dict[str, Any], region: str) -> Iterator[str]:
    """Instance types whose attributes match all filters (TERM_MATCH)."""
    if request.get("ServiceCode") != "AmazonEC2":
        return
    wanted = {one["Field"]: str(one["Value"]).lower() for one in request.get("Filters") or []}
    one_type = wanted.get("instanceType")
    for kind in [one_type] if one_type else sorted(INSTANCE_TYPES):
        if not prices.known(kind):
            continue
        attributes = {key: value.lower() for key, value in _attributes(kind, region).items()}
        if all(attributes.get(field) == value for field, value in wanted.items()):
            yield kind


def _attributes(kind: str, region: str) -> dict[str, str]:
    details = INSTANCE_TYPES[kind]
    return {
        "capacitystatus": "Used",
        "instanceType": kind,
        "location": _LOCATIONS.get(region, region),
        "locationType": "AWS Region",
        "marketoption": "OnDemand",
        "memory": f"{details['MemoryInfo']['SizeInMiB'] / 1024:g} GiB",
        "operatingSystem": "Linux",
        "operation": "RunInstances",
        "preInstalledSw": "NA",
        "regionCode": region,
        "servicecode": "AmazonEC2",
        "tenancy": "Shared",
        "vcpu": str(details["VCpuInfo"]["DefaultVCpus"]),
    }


def _product(kind: str, region: str) -> dict[str, Any]:
    sku = uuid.uuid5(uuid.NAMESPACE_DNS, f"{kind}.{region}").hex[:16].upper()
    price = f"{prices.on_demand(kind):.10f}"
    rate = {
        "unit": "Hrs",
        "endRange": "Inf",
        "beginRange": "0",
        "description": f"${price} per On Demand Linux {kind} Instance Hour (made up)",
        "appliesTo": [],
        "rateCode": f"{sku}.{_TERM}.{_RATE}",
        "pricePerUnit": {"USD": price},
    }
    term = {
        "sku": sku,
        "offerTermCode": _TERM,
        "effectiveDate": "2026-01-01T00:00:00Z",
        "termAttributes": {},
        "priceDimensions": {f"{sku}.{_TERM}.{_RATE}": rate},
    }
    attributes = _attributes(kind, region)
    return {
        "product": {"productFamily": "Compute Instance", "sku": sku, "attributes": attributes},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {f"{sku}.{_TERM}": term}},
        "version": "20260101000000",
        "publicationDate": "2026-01-01T00:00:00Z",
    }
