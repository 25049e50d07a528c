# Copyright 2026 diffupose_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

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
