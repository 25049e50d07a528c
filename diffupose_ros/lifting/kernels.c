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

// The denoiser's layers. Compiled once for each set of instructions, as a library of that name; see kernels.py.
//
// Arrays are (joints, rows, channels); as many channels as a register holds are computed at once, all joints of them
// together. Their sums stay in registers, which is why everything exists for 17 joints and for any number of them.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#else  // AVX2
#define LANES 8
#endif

enum { MOST_JOINTS = 32, MOST_INPUTS = 1024, ROWS_AT_ONCE = 2 };
enum { AHEAD = 1024 };  // weights that are fetched before they are needed

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

#define INLINE static inline __attribute__((always_inline))

// As kernels.py fills them: whole numbers, then pointers, all of 64 bits. NULL: that step is left out.

_Static_assert(sizeof(void *) == sizeof(int64_t), "kernels.py takes pointers for numbers of 64 bits");

typedef struct {
    int64_t joints, rows, channels, is_bfloat16, has_relu;
    const float *others;      // (joints, joints), no diagonal
    const float *own;         // (joints, channels)
    const float *modulation;  // (joints, channels)
    const float *bias;        // (channels)
    const float *residual;    // (joints, rows, channels), added after the ReLU
    const float *scale;       // (channels), followed by the shift and SiLU
    const float *shift;       // (channels)
    float *out;               // (joints, rows, channels), may be the residual
    uint16_t *factor;         // the same in bfloat16
} GraphConv;

typedef struct {
    GraphConv conv;
    int64_t inputs;
    const void *weights;  // (channels / LANES, others | own, inputs, LANES), bfloat16: (.., inputs / 2, LANES, 2)
} GraphLayer;

typedef struct {
    int64_t joints, rows, channels, is_bfloat16, inputs;
    const void *weights;  // (channels / LANES, inputs, LANES), bfloat16: (.., inputs / 2, LANES, 2)
    const float *bias;    // (channels)
    void *out;            // (joints, rows, channels), of the weights' type
} Linear;

typedef struct {
    int64_t joints, rows, channels, is_bfloat16;
    void *out;  // (joints, rows, channels)
} Attention;

typedef struct {
    int64_t joints, rows, channels, is_bfloat16;
    const float *bias;   // (channels)
    const float *scale;  // (channels)
    const float *shift;  // (channels)
    float *out;          // (joints, rows, channels), what is added to
} Residual;

INLINE floats load(const float *from) {
    floats v;
    memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store(float *to, floats v) { memcpy(to, &v, sizeof v); }

INLINE floats load_as(const void *from, size_t at, int is_bfloat16) {
    if (!is_bfloat16) return load((const float *)from + at);
    halves h;
    memcpy(&h, (const uint16_t *)from + at, sizeof h);
    return (floats)(__builtin_convertvector(h, words) << 16);
}

INLINE void store_bfloat16(uint16_t *to, floats v) {  // rounds to nearest, ties to even
    words w = (words)v;
    halves h = __builtin_convertvector((w + 0x7fff + ((w >> 16) & 1)) >> 16, halves);
    memcpy(to, &h, sizeof h);
}

INLINE void store_as(void *to, size_t at, floats v, int is_bfloat16) {
    if (is_bfloat16)
        store_bfloat16((uint16_t *)to + at, v);
    else
        store((float *)to + at, v);
}

INLINE floats pick(ints where, floats a, floats b) { return (floats)((where & (ints)a) | (~where & (ints)b)); }

INLINE floats relu(floats x) { return (floats)((ints)x & ~(x <= 0)); }  // NaN stays

INLINE floats exponential(floats x) {  // Cephes' expf: 2^n times a polynomial of what is left, to 1e-7
    const floats zero = {0};
    x = pick(x > -87, x, zero - 87);
    x = pick(x < 88, x, zero + 88);
    floats n = x * 1.44269504f + 12582912 - 12582912;  // rounded
    floats r = x - n * 0.693359375f - n * -2.12194440e-4f;
    floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1;
    return p * (floats)((__builtin_convertvector(n, ints) + 127) << 23);
}

INLINE floats silu(floats x) { return x / (1 + exponential(-x)); }

// What follows the products of LANES channels in one row: own, what each joint gives itself, and given, the others.
INLINE void graph_conv_finish(
    const GraphConv *g, int64_t row, int64_t c, int joints, const floats *own, const floats *given) {
    for (int j = 0; j < joints; j++) {
        const float *weights = g->others + j * joints;
        floats x = load(g->bias + c) + load(g->own + j * g->channels + c) * own[j];
        floats odd = {0};  // two sums: one would wait for itself
#pragma GCC unroll 17
        for (int k = 0; k < joints; k++) {
            if (k % 2)
                odd += weights[k] * given[k];
            else
                x += weights[k] * given[k];
        }
        x += odd;
        if (g->has_relu) x = relu(x);
        size_t at = (j * g->rows + row) * g->channels + c;
        if (g->residual) x += load(g->residual + at);
        if (g->scale) x = silu(x * load(g->scale + c) + load(g->shift + c));
        if (g->out) store(g->out + at, x);
        if (g->factor) store_bfloat16(g->factor + at, x);
    }
}

// One row of a modulated graph convolution, from the product with both of its weights on: (joints, rows, own | others).
INLINE void graph_conv_row(const GraphConv *g, const void *product, int64_t row, int joints, int is_bfloat16) {
    const int64_t channels = g->channels;
    floats own[MOST_JOINTS], given[MOST_JOINTS];
    for (int64_t c = 0; c < channels; c += LANES) {
#pragma GCC unroll 17
        for (int j = 0; j < joints; j++) {
            size_t at = (j * g->rows + row) * 2 * channels + c;
            own[j] = load_as(product, at, is_bfloat16);
            given[j] = load_as(product, at + channels, is_bfloat16) * load(g->modulation + j * channels + c);
        }
        graph_conv_finish(g, row, c, joints, own, given);
    }
}

// sum + weights x: of one input in float32, of a pair of inputs in bfloat16.
INLINE floats multiply_add(floats sum, const uint32_t *x, floats weights, int is_bfloat16) {
#ifdef __AVX512F__  // no intrinsic, which not all CPUs with AVX-512 could run: kernels.py asks only those that can
    if (is_bfloat16) {
        __asm__("vdpbf16ps %1%{1to16%}, %2, %0" : "+v"(sum) : "m"(*x), "v"(weights));
        return sum;
    }
#endif
    float number;
    memcpy(&number, x, sizeof number);
    return sum + number * weights;
}

// Products of one row with the weights of LANES channels: x is (steps, joints), weights (steps, LANES), or pairs of both.
INLINE void multiply(
    floats *products, const uint32_t *x, const float *weights, int64_t steps, int joints, int is_bfloat16) {
    floats sums[MOST_JOINTS] = {{0}};  // stay in registers, as those that a pointer leads to would not
    for (int64_t i = 0; i < steps; i++, weights += LANES) {
        floats w = load(weights);
        __builtin_prefetch(weights + AHEAD);
#pragma GCC unroll 17
        for (int j = 0; j < joints; j++) sums[j] = multiply_add(sums[j], x + i * joints + j, w, is_bfloat16);
    }
#pragma GCC unroll 17
    for (int j = 0; j < joints; j++) products[j] = sums[j];
}

INLINE void joints_last(
    uint32_t *x, const void *input, int64_t rows, int64_t row, int64_t steps, int joints) {
    for (int j = 0; j < joints; j++) {
        const uint32_t *from = (const uint32_t *)input + (j * rows + row) * steps;
        for (int64_t i = 0; i < steps; i++) x[i * joints + j] = from[i];
    }
}

// The same from its input (joints, rows, inputs) on, without a product in memory.
INLINE void graph_layer_row(const GraphLayer *l, const void *input, int64_t row, int joints, int is_bfloat16) {
    const GraphConv *g = &l->conv;
    const int64_t steps = is_bfloat16 ? l->inputs / 2 : l->inputs;
    const float *weights = l->weights;
    uint32_t x[MOST_INPUTS * MOST_JOINTS];  // beside each other, as they are read
    joints_last(x, input, g->rows, row, steps, joints);
    for (int64_t c = 0; c < g->channels; c += LANES, weights += 2 * steps * LANES) {
        floats own[MOST_JOINTS], given[MOST_JOINTS];
        multiply(given, x, weights, steps, joints, is_bfloat16);
#pragma GCC unroll 17
        for (int j = 0; j < joints; j++) given[j] *= load(g->modulation + j * g->channels + c);
        multiply(own, x, weights + steps * LANES, steps, joints, is_bfloat16);
        graph_conv_finish(g, row, c, joints, own, given);
    }
}

// One row of a product alone, of its input (joints, rows, inputs).
INLINE void linear_row(const Linear *l, const void *input, int64_t row, int joints, int is_bfloat16) {
    const int64_t steps = is_bfloat16 ? l->inputs / 2 : l->inputs;
    const float *weights = l->weights;
    uint32_t x[MOST_INPUTS * MOST_JOINTS];
    joints_last(x, input, l->rows, row, steps, joints);
    for (int64_t c = 0; c < l->channels; c += LANES, weights += steps * LANES) {
        floats products[MOST_JOINTS], bias = {0};
        if (l->bias) bias = load(l->bias + c);
        multiply(products, x, weights, steps, joints, is_bfloat16);
        for (int j = 0; j < joints; j++)
            store_as(l->out, (j * l->rows + row) * l->channels + c, products[j] + bias, is_bfloat16);
    }
}

INLINE float number(const void *from, size_t at, int is_bfloat16) {
    if (!is_bfloat16) return ((const float *)from)[at];
    uint32_t word = (uint32_t)((const uint16_t *)from)[at] << 16;
    float x;
    memcpy(&x, &word, sizeof x);
    return x;
}

// One row of softmax(query key^T) value over the joints; mixed is (joints, rows, query | key | value).
INLINE void attention_row(const Attention *a, const void *mixed, int64_t row, int joints, int is_bfloat16) {
    enum { PARTS = MOST_JOINTS / LANES };
    const int64_t channels = a->channels;
    float queries[MOST_INPUTS / 2 * MOST_JOINTS], keys[PARTS][MOST_INPUTS / 2 * LANES];  // joints last
    float weights[MOST_JOINTS * MOST_JOINTS], values[MOST_JOINTS * LANES];
    for (int j = 0; j < MOST_JOINTS; j++) {
        size_t at = (j * a->rows + row) * 3 * channels;
        for (int64_t c = 0; c < channels; c++) {
            if (j < joints) queries[c * joints + j] = number(mixed, at + c, is_bfloat16);
            keys[j / LANES][c * LANES + j % LANES] = j < joints ? number(mixed, at + channels + c, is_bfloat16) : 0;
        }
    }
    floats sums[PARTS][MOST_JOINTS];
    for (int p = 0; p < PARTS; p++) multiply(sums[p], (const uint32_t *)queries, keys[p], channels, joints, 0);
    for (int j = 0; j < joints; j++) {
        float scores[MOST_JOINTS], most = -1e30f, total = 0;
        for (int p = 0; p < PARTS; p++) store(scores + p * LANES, sums[p][j]);
        for (int k = 0; k < joints; k++) most = scores[k] > most ? scores[k] : most;
        for (int p = 0; p < PARTS; p++) store(scores + p * LANES, exponential(sums[p][j] - most));
        for (int k = 0; k < joints; k++) total += scores[k];
        for (int k = 0; k < joints; k++) weights[k * joints + j] = scores[k] / total;
    }
    for (int64_t c = 0; c < channels; c += LANES) {
        for (int k = 0; k < joints; k++)
            store(values + k * LANES, load_as(mixed, ((k * a->rows + row) * 3 + 2) * channels + c, is_bfloat16));
        floats out[MOST_JOINTS];
        multiply(out, (const uint32_t *)weights, values, joints, joints, 0);
        for (int j = 0; j < joints; j++)
            store_as(a->out, (j * a->rows + row) * channels + c, out[j], is_bfloat16);
    }
}

// One row of silu((out + product + bias) scale + shift); the product is (joints, rows, channels).
INLINE void residual_row(const Residual *r, const void *product, int64_t row, int joints, int is_bfloat16) {
    for (int j = 0; j < joints; j++) {
        for (int64_t c = 0; c < r->channels; c += LANES) {
            size_t at = (j * r->rows + row) * r->channels + c;
            floats x = load(r->out + at) + load_as(product, at, is_bfloat16) + load(r->bias + c);
            store(r->out + at, silu(x * load(r->scale + c) + load(r->shift + c)));
        }
    }
}

// Each kernel with what the compiler shall see as constants.
#define KERNEL(name, Arguments, flag)                                                \
    static void name(const void *arguments, const void *input, int64_t row) {        \
        const Arguments *a = arguments;                                              \
        const int joints = (int)*(const int64_t *)arguments, is_bfloat16 = a->flag;  \
        if (joints == 17 && is_bfloat16)                                             \
            name##_row(a, input, row, 17, 1);                                        \
        else if (joints == 17)                                                       \
            name##_row(a, input, row, 17, 0);                                        \
        else                                                                         \
            name##_row(a, input, row, joints, is_bfloat16);                          \
    }

KERNEL(graph_conv, GraphConv, is_bfloat16)
KERNEL(graph_layer, GraphLayer, conv.is_bfloat16)
KERNEL(linear, Linear, is_bfloat16)
KERNEL(attention, Attention, is_bfloat16)
KERNEL(residual, Residual, is_bfloat16)

typedef void (*Row)(const void *arguments, const void *input, int64_t row);
typedef void (*Parallel)(void (*work)(void *), void *data, unsigned threads, unsigned flags);

typedef struct {
    Row run;
    const void *arguments, *input;
    int64_t rows, next;
} Work;

static void take_rows(void *data) {
    Work *work = data;
    for (;;) {
        int64_t first = __atomic_fetch_add(&work->next, ROWS_AT_ONCE, __ATOMIC_RELAXED);
        if (first >= work->rows) return;
        int64_t last = first + ROWS_AT_ONCE < work->rows ? first + ROWS_AT_ONCE : work->rows;
        for (int64_t row = first; row < last; row++) work->run(work->arguments, work->input, row);
    }
}

// parallel: GOMP_parallel of the OpenMP that PyTorch runs on; NULL for none. Another's threads would fight with those.
static void all_rows(Row run, const void *arguments, const void *input, int64_t rows, Parallel parallel, int threads) {
    Work work = {run, arguments, input, rows, 0};
    if (parallel && threads > 1 && rows > 2 * ROWS_AT_ONCE)
        parallel(take_rows, &work, (unsigned)threads, 0);
    else
        take_rows(&work);
}

void diffupose_graph_conv(const GraphConv *g, const void *product, Parallel parallel, int threads) {
    all_rows(graph_conv, g, product, g->rows, parallel, threads);
}

void diffupose_graph_layer(const GraphLayer *l, const void *input, Parallel parallel, int threads) {
    all_rows(graph_layer, l, input, l->conv.rows, parallel, threads);
}

void diffupose_linear(const Linear *l, const void *input, Parallel parallel, int threads) {
    all_rows(linear, l, input, l->rows, parallel, threads);
}

void diffupose_attention(const Attention *a, const void *mixed, Parallel parallel, int threads) {
    all_rows(attention, a, mixed, a->rows, parallel, threads);
}

void diffupose_residual(const Residual *r, const void *product, Parallel parallel, int threads) {
    all_rows(residual, r, product, r->rows, parallel, threads);
}

int diffupose_lanes(void) { return LANES; }

int diffupose_version(void) { return 2; }  // of what kernels.py has to know: the functions and their structs
