// Copyright 2026 diffupose_ros contributors
//
// Licensed under the Apache License, Version 2.0 (the "License");
// you may not use this file except in compliance with the License.
// You may obtain a copy of the License at
//
//     http://www.apache.org/licenses/LICENSE-2.0
//
// Unless required by applicable law or agreed to in writing, software
// distributed under the License is distributed on an "AS IS" BASIS,
// WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
// See the License for the specific language governing permissions and
// limitations under the License.

// Runs the kernel that is named once, in a process of its own; see arm.py.
//
// Standard input: for each of its arguments, the input last, two numbers of 64 bits: 0 and the argument, or the size of an
// array in bytes and 0, followed by the array. Standard output: all arrays, as they are afterwards.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARGUMENTS = 32 };

typedef void Kernel(const void *arguments, const void *input, void *parallel, int threads);

#define KERNELS(do) do(graph_conv) do(graph_layer) do(linear) do(attention) do(residual)
#define DECLARE(name) Kernel diffupose_##name;
#define RUN(name) \
    if (!strcmp(argv[1], #name)) diffupose_##name(arguments, arrays[count - 1], NULL, 1);

KERNELS(DECLARE)

int main(int argc, char **argv) {
    int64_t number[2], arguments[MOST_ARGUMENTS], sizes[MOST_ARGUMENTS];
    void *arrays[MOST_ARGUMENTS];
    int count = 0;
    for (; argc == 2 && count < MOST_ARGUMENTS && fread(number, sizeof number, 1, stdin); count++) {
        sizes[count] = number[0];
        arrays[count] = malloc(sizes[count] + 1);
        if (fread(arrays[count], 1, sizes[count], stdin) != (size_t)sizes[count]) return 1;
        arguments[count] = sizes[count] ? (int64_t)arrays[count] : number[1];
    }
    if (!count) return 1;
    KERNELS(RUN)
    for (int i = 0; i < count; i++) fwrite(arrays[i], 1, sizes[i], stdout);
    return 0;
}
