"""What a person says of an account. Everything else is chosen or looked up."""

from typing import Any

Parameters = dict[str, dict[str, Any]]
_KEY = "arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
YES_NO = {"Type": "String", "AllowedValues": ["yes", "no"]}
# What Elastic Load Balancing takes.
WEIGHT = {"Type": "Number", "MinValue": 0, "MaxValue": 999}

PARAMETERS: Parameters = {
    "Name": {
        "Type": "String",
        "Default": "website",
        # What AWS refuses as the name of a load balancer, a target group or a security group.
        "AllowedPattern": "^(?!internal-|sg-)[a-z]([a-z0-9-]{0,21}[a-z0-9])?$",
        "ConstraintDescription": "expected small letters, digits and hyphens, at most 23, "
        "beginning with a letter; not internal-… or sg-…, and no hyphen at the end",
        "Description": "The application in this environment: its target group has this name, and "
        "the names of its security group, role and instance profile begin with it.",
    },
    "AlsoBehind": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^([a-zA-Z0-9-]{1,32}(,[a-zA-Z0-9-]{1,32}){0,3})?$",
        "Description": "Names of the further target groups of the same servers, as in "
        "infra.also_behind, with commas between them; empty: none. They are not made here.",
    },
    "Vpc": {
        "Type": "AWS::EC2::VPC::Id",
        "Description": "The network that the servers are in.",
    },
    "Subnets": {
        "Type": "List<AWS::EC2::Subnet::Id>",
        "Description": "Where the load balancer is: in two zones at least.",
    },
    "Port": {
        "Type": "Number",
        "Default": 3000,
        "MinValue": 1,
        "MaxValue": 65535,
        "Description": "Where the application listens.",
    },
    "HealthPath": {
        "Type": "String",
        "Default": "/up",
        "AllowedPattern": "^/.*$",
        "Description": "What the load balancer asks for, to know whether a server is healthy.",
    },
    "HealthPort": {
        "Type": "String",
        "Default": "traffic-port",
        "AllowedPattern": f"^(traffic-port|{_PORT})$",
        "ConstraintDescription": "expected traffic-port, or a port from 1 to 65535",
        "Description": "The port that it asks at; traffic-port: where the application listens.",
    },
    "LoadBalancer": {
        **YES_NO,
        "Default": "yes",
        "Description": "Whether a load balancer is made. If not, name the listener of one.",
    },
    "Certificate": {
        "Type": "String",
        "Default": "",
        "Description": "ARN of the certificate that the load balancer shows; empty: HTTP alone.",
    },
    "Listener": {
        "Type": "String",
        "Default": "",
        "Description": "ARN of the listener of a load balancer that is there already; empty: none.",
    },
    "BalancerGroup": {
        "Type": "String",
        "Default": "",
        "Description": "Id of the security group of that load balancer.",
    },
    "Host": {
        "Type": "String",
        "Default": "*",
        "AllowedPattern": "^([*]|[A-Za-z0-9*?._-]*[.][A-Za-z*?]+)$",
        "Description": "The host name of which requests are the application's; * for all.",
    },
    "Priority": {
        "Type": "Number",
        "Default": 100,
        "MinValue": 1,
        "MaxValue": 50000,
        "Description": "Of the rule at the listener, among others there.",
    },
    "BlueWeight": {
        **WEIGHT,
        "Default": 1,
        "Description": "Of the first target group in the rule. Releases move it, and `spotkiln "
        "account apply` says what it is: by other means say so where a rule is made anew.",
    },
    "GreenWeight": {
        **WEIGHT,
        "Default": 0,
        "Description": "The same of the second target group.",
    },
    "ParameterPath": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^(/[A-Za-z0-9._/-]*[A-Za-z0-9._-])?$",
        "Description": "Where the servers read their configuration in the Parameter Store: all "
        "below it, and nothing else; empty: /NAME/production, with the stack's Name.",
    },
    "SecretPath": {
        "Type": "String",
        "Default": "",
        "Description": "The beginning of the names of the secrets that the servers read; empty: "
        "NAME/production.",
    },
    "Worker": {
        "Type": "String",
        "AllowedValues": ["yes", "rights", "no"],
        "Default": "yes",
        "Description": "Whether the worker's and the Spot fleets' roles are made: once an account. "
        "rights: they are there, and the worker's gets its rights to this region, once a region.",
    },
    "WorkerTrust": {
        "Type": "String",
        "Default": "",
        "Description": "ARN of who may take the worker's role, such as a role of your CI; empty: "
        "EC2 instances, by an instance profile of the same name.",
    },
    "WorkerExternalId": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^([A-Za-z0-9_+=,.@:/-]{2,})?$",
        "MaxLength": 1224,
        "Description": "What whoever takes the worker's role must say (SPOTKILN_EXTERNAL_ID); "
        "empty: nothing.",
    },
    "OtherRoles": {
        "Type": "String",
        "Default": "",
        "Description": "ARNs of the workers' roles of other accounts that this account's worker "
        "releases to as well, with commas between them; empty: none.",
    },
    "FleetRoleName": {
        "Type": "String",
        "Default": "aws-ec2-spot-fleet-tagging-role",
        "Description": "Name of the role that Spot fleets launch with.",
    },
    "NewFleetRole": {
        **YES_NO,
        "Default": "yes",
        "Description": "Whether that role is made; `spotkiln account plan` sees whether it is "
        "there, as where somebody has asked for a Spot fleet in the console.",
    },
    "TargetGroups": {
        "Type": "String",
        "Default": "*",
        "Description": "Names of the target groups that the worker may release to, as a pattern.",
    },
    "Adopt": {
        **YES_NO,
        "Default": "no",
        "Description": "Whether the worker may retire fleets that others made (infra.adopt), and "
        "end their servers: yes for that release, no again afterwards.",
    },
    "DiskKeys": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": f"^({_KEY}(,{_KEY})*)?$",
        "Description": "ARNs of your own KMS keys that encrypt disks of builders and images, with "
        "commas between them: the worker may use these; empty: none.",
    },
    "LogGroups": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^([A-Za-z0-9_/.#*-]{1,512})?$",
        "Description": "Names of the log groups that the servers may write, as a pattern, beside "
        "/spotkiln/*; empty: /NAME/*, with the stack's Name.",
    },
    "SpotRole": {
        **YES_NO,
        "Default": "no",
        "Description": "Whether the service-linked role of Spot instances is made; `spotkiln "
        "account plan` sees whether it is there.",
    },
    "SpotFleetRole": {
        **YES_NO,
        "Default": "no",
        "Description": "The same for that of Spot fleets.",
    },
    "Ec2FleetRole": {
        **YES_NO,
        "Default": "no",
        "Description": "The same for that of EC2 Fleet, which launches builders on Spot machines.",
    },
    "ScalingRole": {
        **YES_NO,
        "Default": "no",
        "Description": "The same for that of Auto Scaling.",
    },
}
# The service-linked roles: the service that each is of, by the parameter that asks for it.
SERVICES = {
    "SpotRole": "spot.amazonaws.com",
    "SpotFleetRole": "spotfleet.amazonaws.com",
    "Ec2FleetRole": "ec2fleet.amazonaws.com",
    "ScalingRole": "autoscaling.amazonaws.com",
}
LINKED = {
    "SpotRole": "AWSServiceRoleForEC2Spot",
    "SpotFleetRole": "AWSServiceRoleForEC2SpotFleet",
    "Ec2FleetRole": "AWSServiceRoleForEC2Fleet",
    "ScalingRole": "AWSServiceRoleForAutoScaling",
}
