"""The services that every lifecycle node offers, as in rcl_interfaces and lifecycle_msgs."""

SERVICES = {
    "rcl_interfaces/srv/DescribeParameters": """
string[] names
---
ParameterDescriptor[] descriptors
""",
    "rcl_interfaces/srv/GetParameters": """
string[] names
---
ParameterValue[] values
""",
    "rcl_interfaces/srv/GetParameterTypes": """
string[] names
---
uint8[] types
""",
    "rcl_interfaces/srv/ListParameters": """
uint64 DEPTH_RECURSIVE=0
string[] prefixes
uint64 depth
---
ListParametersResult result
""",
    "rcl_interfaces/srv/SetParameters": """
Parameter[] parameters
---
SetParametersResult[] results
""",
    "rcl_interfaces/srv/SetParametersAtomically": """
Parameter[] parameters
---
SetParametersResult result
""",
    "lifecycle_msgs/srv/ChangeState": """
Transition transition
---
bool success
""",
    "lifecycle_msgs/srv/GetState": """
---
State current_state
""",
    "lifecycle_msgs/srv/GetAvailableStates": """
---
State[] available_states
""",
    "lifecycle_msgs/srv/GetAvailableTransitions": """
---
TransitionDescription[] available_transitions
""",
}
