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

# docs/install.md says how these are built and run.
ARG ROS_DISTRO=jazzy
ARG ROS_BASE=ros:${ROS_DISTRO}-ros-base
ARG PYTHON_BASE=python:3.13-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# Without ROS 2.

FROM ${PYTHON_BASE} AS wheel
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY . /source
RUN python3 -m venv /tmp/venv && /tmp/venv/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM ${PYTHON_BASE} AS standalone
ARG TORCH_INDEX
ENV PATH=/opt/venv/bin:$PATH
COPY constraints.txt /opt/
RUN python3 -m venv /opt/venv \
    && pip install --no-cache-dir --index-url "${TORCH_INDEX}" --constraint /opt/constraints.txt torch
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[detect]"
ENTRYPOINT ["diffupose"]
CMD ["demo", "--output", "/output"]

# With ROS 2.

FROM ${ROS_BASE} AS dependencies
ARG ROS_DISTRO
ARG TORCH_INDEX
# RViz belongs on another machine; "" brings it in.
ARG SKIP_KEYS=rviz2
ARG ROS_APT_SOURCE=1.1.0
ENV ROS_DISTRO=${ROS_DISTRO} DEBIAN_FRONTEND=noninteractive
SHELL ["/bin/bash", "-eo", "pipefail", "-c"]
RUN echo 'APT::Install-Recommends "false";' > /etc/apt/apt.conf.d/90lean
# A base without ROS 2, as NVIDIA's for Jetson.
RUN if [[ ! -d /opt/ros/${ROS_DISTRO} ]]; then \
        apt-get update; \
        apt-get install --yes --no-install-recommends ca-certificates curl; \
        . /etc/os-release; \
        curl -fsSLo /tmp/source.deb "https://github.com/ros-infrastructure/ros-apt-source/releases/download/${ROS_APT_SOURCE}/ros2-apt-source_${ROS_APT_SOURCE}.${VERSION_CODENAME}_all.deb"; \
        apt-get install --yes --no-install-recommends /tmp/source.deb; \
        apt-get update; \
        apt-get install --yes --no-install-recommends ros-dev-tools "ros-${ROS_DISTRO}-ros-base"; \
        rosdep init; \
        rm -rf /var/lib/apt/lists/* /tmp/source.deb; \
    fi
WORKDIR /ws
COPY package.xml requirements-ros.txt src/diffupose_ros/
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv "ros-${ROS_DISTRO}-rmw-cyclonedds-cpp" \
    && rosdep update --rosdistro "${ROS_DISTRO}" \
    && rosdep install --default-yes --from-paths src --ignore-src --skip-keys "${SKIP_KEYS}" -t buildtool -t build -t exec \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/venv/bin:$PATH
RUN python3 -m venv --system-site-packages /opt/venv \
    && pip install --no-cache-dir --index-url "${TORCH_INDEX}" --constraint src/diffupose_ros/requirements-ros.txt torch \
    && pip install --no-cache-dir --requirement src/diffupose_ros/requirements-ros.txt

FROM dependencies AS test
RUN apt-get update \
    && rosdep install --default-yes --from-paths src --ignore-src --skip-keys "${SKIP_KEYS}" -t test \
    && rm -rf /var/lib/apt/lists/*
COPY . src/diffupose_ros
RUN . "/opt/ros/${ROS_DISTRO}/setup.bash" && colcon build --packages-select diffupose_ros
CMD [". install/setup.bash && colcon test --packages-select diffupose_ros --event-handlers console_direct+ && colcon test-result --verbose"]
ENTRYPOINT ["/bin/bash", "-c"]

FROM dependencies AS ros
COPY . src/diffupose_ros
RUN . "/opt/ros/${ROS_DISTRO}/setup.bash" \
    && colcon build --packages-select diffupose_ros --cmake-args -DBUILD_TESTING=OFF \
    && rm -rf build log
ENTRYPOINT ["/bin/bash", "-c", ". /ws/install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "diffupose_ros", "lift.launch.py", "demo:=true"]
