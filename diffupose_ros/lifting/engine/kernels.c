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
#ifdef __aarch64__
#include <arm_neon.h>
#endif
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__aarch64__)
#define LANES 4
#else  // AVX2
#define LANES 8
#endif

enum { AT_ONCE = LANES == 4 ? 4 : 2 };  // inputs in bfloat16 that one instruction multiplies and adds up
enum { MOST_JOINTS = 32, MOST_INPUTS = 1024 };
enum { AHEAD = 1024 };  // weights that are fetched before they are needed
enum { PIECES = 4 };    // of the work, for each thread: the last one to finish is then late by little
enum { FEW = 256 };     // channels of all rows, with which one thread is done before a second has begun

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

#define INLINE static inline __attribute__((always_inline))

// As kernels.py fills them: whole numbers, the same four first, then pointers, all of 64 bits. NULL: that step is left out.

_Static_assert(sizeof(void *) == sizeof(int64_t), "kernels.py takes pointers for numbers of 64 bits");

typedef struct {
    int64_t joints, rows, channels, is_bfloat16;
} Shape;

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
    const void *weights;  // (channels / LANES, others | own, inputs, LANES), bfloat16: (.., inputs / AT_ONCE, LANES, AT_ONCE)
} GraphLayer;

typedef struct {
    int64_t joints, rows, channels, is_bfloat16, inputs;
    const void *weights;  // (channels / LANES, inputs, LANES), bfloat16: (.., inputs / AT_ONCE, LANES, AT_ONCE)
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

typedef struct {  // of the work: these channels of this row
    int64_t row, first, last;
} Piece;

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

INLINE void modulate(const GraphConv *g, int64_t c, int joints, floats *given) {
#pragma GCC unroll 17
    for (int j = 0; j < joints; j++) given[j] *= load(g->modulation + j * g->channels + c);
}

// One row of a modulated graph convolution, from the product with both of its weights on: (joints, rows, own | others).
INLINE void graph_conv_piece(const GraphConv *g, const void *product, Piece p, int joints, int is_bfloat16) {
    const int64_t channels = g->channels;
    floats own[MOST_JOINTS], given[MOST_JOINTS];
    for (int64_t c = p.first; c < p.last; c += LANES) {
#pragma GCC unroll 17
        for (int j = 0; j < joints; j++) {
            size_t at = (j * g->rows + p.row) * 2 * channels + c;
            own[j] = load_as(product, at, is_bfloat16);
            given[j] = load_as(product, at + channels, is_bfloat16);
        }
        modulate(g, c, joints, given);
        graph_conv_finish(g, p.row, c, joints, own, given);
    }
}

INLINE void linear_finish(
    const Linear *l, int64_t row, int64_t c, int joints, const floats *products, int is_bfloat16) {
    floats bias = {0};
    if (l->bias) bias = load(l->bias + c);
    for (int j = 0; j < joints; j++)
        store_as(l->out, (j * l->rows + row) * l->channels + c, products[j] + bias, is_bfloat16);
}

// multiply: products of one row with the weights of LANES channels, x is (steps, joints), weights (steps, LANES), in
// bfloat16 of pairs of both; with NEON of two pairs, (steps / 2, joints, 2) and (steps / 2, LANES, 2).

#if LANES == 4

// Four joints at a time, as Arm multiplies by a lane. What lies beyond the last joint is read, and left out.
INLINE void multiply_lanes(floats *products, const float *x, const float *weights, int64_t steps, int joints) {
    floats sums[MOST_JOINTS] = {{0}};  // stay in registers, as those that a pointer leads to would not
    for (int64_t i = 0; i < steps; i++, x += joints, weights += LANES) {
        floats w = load(weights);
        __builtin_prefetch(weights + AHEAD);
#pragma GCC unroll 5
        for (int j = 0; j < joints; j += 4) {
            floats four = vld1q_f32(x + j);
            sums[j] = vfmaq_laneq_f32(sums[j], w, four, 0);
            if (j + 1 < joints) sums[j + 1] = vfmaq_laneq_f32(sums[j + 1], w, four, 1);
            if (j + 2 < joints) sums[j + 2] = vfmaq_laneq_f32(sums[j + 2], w, four, 2);
            if (j + 3 < joints) sums[j + 3] = vfmaq_laneq_f32(sums[j + 3], w, four, 3);
        }
    }
#pragma GCC unroll 17
    for (int j = 0; j < joints; j++) products[j] = sums[j];
}

// sum + x weights^T in bfloat16: 4 inputs of 2 joints by those of 2 channels.
INLINE floats multiply_add_matrices(floats sum, floats x, floats weights) {
    // No intrinsic: GCC's would have the whole library need Armv8.2. kernels.py asks only CPUs that can.
    __asm__("bfmmla %0.4s, %1.8h, %2.8h" : "+w"(sum) : "w"(x), "w"(weights));
    return sum;
}

INLINE void multiply_matrices(floats *products, const float *x, const float *weights, int64_t steps, int joints) {
    floats left[MOST_JOINTS / 2] = {{0}}, right[MOST_JOINTS / 2] = {{0}};  // of the first two channels, and the last
    for (int64_t i = 0; i < steps; i += 2, x += 2 * joints, weights += 2 * LANES) {
        floats w[] = {load(weights), load(weights + LANES)};
        __builtin_prefetch(weights + AHEAD);
#pragma GCC unroll 9
        for (int j = 0; j < joints; j += 2) {
            floats two = load(x + 2 * j);
            left[j / 2] = multiply_add_matrices(left[j / 2], two, w[0]);
            right[j / 2] = multiply_add_matrices(right[j / 2], two, w[1]);
        }
    }
#pragma GCC unroll 9
    for (int j = 0; j < joints; j += 2) {
        floats l = left[j / 2], r = right[j / 2];
        products[j] = vcombine_f32(vget_low_f32(l), vget_low_f32(r));
        products[j + 1] = vcombine_f32(vget_high_f32(l), vget_high_f32(r));
    }
}

INLINE void multiply(
    floats *products, const uint32_t *x, const float *weights, int64_t steps, int joints, int is_bfloat16) {
    if (is_bfloat16)
        multiply_matrices(products, (const float *)x, weights, steps, joints);
    else
        multiply_lanes(products, (const float *)x, weights, steps, joints);
}

#else

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

#endif

// What multiply takes, from (joints, rows, steps).
INLINE void joints_last(
    uint32_t *x, const void *input, int64_t rows, int64_t row, int64_t steps, int joints, int is_bfloat16) {
    const int beside = is_bfloat16 ? AT_ONCE / 2 : 1;
    for (int j = 0; j < joints; j++) {
        const uint32_t *from = (const uint32_t *)input + (j * rows + row) * steps;
        for (int64_t i = 0; i < steps; i += beside)
            memcpy(x + i * joints + j * beside, from + i, beside * sizeof *x);
    }
}

// The same from its input (joints, rows, inputs) on, without a product in memory.
INLINE void graph_layer_piece(const GraphLayer *l, const void *input, Piece p, int joints, int is_bfloat16) {
    const GraphConv *g = &l->conv;
    const int64_t steps = is_bfloat16 ? l->inputs / 2 : l->inputs;
    uint32_t x[MOST_INPUTS * MOST_JOINTS];  // beside each other, as they are read
    joints_last(x, input, g->rows, p.row, steps, joints, is_bfloat16);
    for (int64_t c = p.first; c < p.last; c += LANES) {
        const float *weights = (const float *)l->weights + 2 * c * steps;
        floats own[MOST_JOINTS], given[MOST_JOINTS];
        multiply(given, x, weights, steps, joints, is_bfloat16);
        modulate(g, c, joints, given);
        multiply(own, x, weights + steps * LANES, steps, joints, is_bfloat16);
        graph_conv_finish(g, p.row, c, joints, own, given);
    }
}

// One row of a product alone, of its input (joints, rows, inputs).
INLINE void linear_piece(const Linear *l, const void *input, Piece p, int joints, int is_bfloat16) {
    const int64_t steps = is_bfloat16 ? l->inputs / 2 : l->inputs;
    uint32_t x[MOST_INPUTS * MOST_JOINTS];
    joints_last(x, input, l->rows, p.row, steps, joints, is_bfloat16);
    for (int64_t c = p.first; c < p.last; c += LANES) {
        floats products[MOST_JOINTS];
        multiply(products, x, (const float *)l->weights + c * steps, steps, joints, is_bfloat16);
        linear_finish(l, p.row, c, joints, products, is_bfloat16);
    }
}

#if LANES == 16

// The same by AMX, whose registers are tiles: 16 rows of 64 bytes, here 16 joints by 32 inputs or 16 products, or 32 inputs
// by 16 channels. In assembler for the same reason.
enum { TILE_ROWS = 16, TILE_BYTES = 64, TILE_STEPS = 16 };
enum { PAD = 32 };  // inputs, or the joints' rows of a tile could all need the same lines of the cache

// What each tile holds: of the products and of x, the first 16 joints and those that are left.
enum { GIVEN, GIVEN_LEFT, OWN, OWN_LEFT, X, X_LEFT, GIVEN_WEIGHTS, OWN_WEIGHTS, TILES };

#define ZERO(tile) __asm__ volatile("tilezero %%tmm%c0" ::"i"(tile))
#define LOAD(tile, from, stride) \
    __asm__ volatile("tileloadd (%1,%2), %%tmm%c0" ::"i"(tile), "r"(from), "r"((int64_t)(stride)) : "memory")
#define STORE(tile, to) \
    __asm__ volatile("tilestored %%tmm%c0, (%1,%2)" ::"i"(tile), "r"(to), "r"((int64_t)TILE_BYTES) : "memory")
#define MULTIPLY(sum, x, weights) \
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sum), "i"(x), "i"(weights))

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} TileConfig;

INLINE void begin_tiles(int joints) {
    TileConfig config = {.palette = 1};
    const int first = joints < TILE_ROWS ? joints : TILE_ROWS, left = joints - first;
    const uint8_t rows[TILES] = {first, left, first, left, first, left, TILE_STEPS, TILE_STEPS};
    for (int tile = 0; tile < TILES; tile++) {
        config.rows[tile] = rows[tile];
        config.bytes[tile] = rows[tile] ? TILE_BYTES : 0;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
}

INLINE void end_tiles(void) { __asm__ volatile("tilerelease"); }

// As multiply, of pairs in bfloat16, and at once the products with the weights that follow, unless own is NULL.
// x is (joints, stride).
INLINE void multiply_tiles(
    floats *given, floats *own, const uint16_t *x, int64_t stride, const float *weights, int64_t steps, int joints) {
    const int left = joints > TILE_ROWS;
    ZERO(GIVEN);
    if (left) ZERO(GIVEN_LEFT);
    if (own) ZERO(OWN);
    if (own && left) ZERO(OWN_LEFT);
    for (int64_t i = 0; i < steps; i += TILE_STEPS) {
        LOAD(X, x + 2 * i, 2 * stride);
        LOAD(GIVEN_WEIGHTS, weights + i * LANES, TILE_BYTES);
        MULTIPLY(GIVEN, X, GIVEN_WEIGHTS);
        if (own) {
            LOAD(OWN_WEIGHTS, weights + (steps + i) * LANES, TILE_BYTES);
            MULTIPLY(OWN, X, OWN_WEIGHTS);
        }
        if (left) {
            LOAD(X_LEFT, x + TILE_ROWS * stride + 2 * i, 2 * stride);
            MULTIPLY(GIVEN_LEFT, X_LEFT, GIVEN_WEIGHTS);
            if (own) MULTIPLY(OWN_LEFT, X_LEFT, OWN_WEIGHTS);
        }
    }
    STORE(GIVEN, given);
    if (left) STORE(GIVEN_LEFT, given + TILE_ROWS);
    if (own) STORE(OWN, own);
    if (own && left) STORE(OWN_LEFT, own + TILE_ROWS);
}

INLINE void joints_first(uint16_t *x, const void *input, int64_t rows, int64_t row, int64_t inputs, int joints) {
    for (int j = 0; j < joints; j++)
        memcpy(x + j * (inputs + PAD), (const uint16_t *)input + (j * rows + row) * inputs, inputs * sizeof *x);
}

INLINE void graph_tiles_piece(const GraphLayer *l, const void *input, Piece p, int joints, int is_bfloat16) {
    const GraphConv *g = &l->conv;
    const int64_t steps = l->inputs / 2, stride = l->inputs + PAD;
    uint16_t x[MOST_JOINTS * (MOST_INPUTS + PAD)];
    joints_first(x, input, g->rows, p.row, l->inputs, joints);
    begin_tiles(joints);
    for (int64_t c = p.first; c < p.last; c += LANES) {
        floats own[MOST_JOINTS], given[MOST_JOINTS];
        multiply_tiles(given, own, x, stride, (const float *)l->weights + 2 * c * steps, steps, joints);
        modulate(g, c, joints, given);
        graph_conv_finish(g, p.row, c, joints, own, given);
    }
    end_tiles();
}

INLINE void linear_tiles_piece(const Linear *l, const void *input, Piece p, int joints, int is_bfloat16) {
    const int64_t steps = l->inputs / 2, stride = l->inputs + PAD;
    uint16_t x[MOST_JOINTS * (MOST_INPUTS + PAD)];
    joints_first(x, input, l->rows, p.row, l->inputs, joints);
    begin_tiles(joints);
    for (int64_t c = p.first; c < p.last; c += LANES) {
        floats products[MOST_JOINTS];
        multiply_tiles(products, NULL, x, stride, (const float *)l->weights + c * steps, steps, joints);
        linear_finish(l, p.row, c, joints, products, is_bfloat16);
    }
    end_tiles();
}

#endif

INLINE float number(const void *from, size_t at, int is_bfloat16) {
    if (!is_bfloat16) return ((const float *)from)[at];
    uint32_t word = (uint32_t)((const uint16_t *)from)[at] << 16;
    float x;
    memcpy(&x, &word, sizeof x);
    return x;
}

// One row of softmax(query key^T) value over the joints; mixed is (joints, rows, query | key | value).
INLINE void attention_piece(const Attention *a, const void *mixed, Piece p, int joints, int is_bfloat16) {
    enum { PARTS = MOST_JOINTS / LANES };
    const int64_t channels = a->channels;
    const int parts = (joints + LANES - 1) / LANES;
    float queries[MOST_INPUTS / 2 * MOST_JOINTS], keys[PARTS][MOST_INPUTS / 2 * LANES];  // joints last
    float weights[MOST_JOINTS * MOST_JOINTS], values[MOST_JOINTS * LANES];
    for (int j = 0; j < parts * LANES; j++) {
        size_t at = (j * a->rows + p.row) * 3 * channels;
        for (int64_t c = 0; c < channels; c++) {
            if (j < joints) queries[c * joints + j] = number(mixed, at + c, is_bfloat16);
            keys[j / LANES][c * LANES + j % LANES] = j < joints ? number(mixed, at + channels + c, is_bfloat16) : 0;
        }
    }
    floats sums[PARTS][MOST_JOINTS];
    for (int i = 0; i < parts; i++) multiply(sums[i], (const uint32_t *)queries, keys[i], channels, joints, 0);
    for (int j = 0; j < joints; j++) {
        float scores[MOST_JOINTS], most = -1e30f, total = 0;
        for (int i = 0; i < parts; i++) store(scores + i * LANES, sums[i][j]);
        for (int k = 0; k < joints; k++) most = scores[k] > most ? scores[k] : most;
        for (int i = 0; i < parts; i++) store(scores + i * LANES, exponential(sums[i][j] - most));
        for (int k = 0; k < joints; k++) total += scores[k];
        for (int k = 0; k < joints; k++) weights[k * joints + j] = scores[k] / total;
    }
    for (int64_t c = 0; c < channels; c += LANES) {
        for (int k = 0; k < joints; k++)
            store(values + k * LANES, load_as(mixed, ((k * a->rows + p.row) * 3 + 2) * channels + c, is_bfloat16));
        floats out[MOST_JOINTS];
        multiply(out, (const uint32_t *)weights, values, joints, joints, 0);
        for (int j = 0; j < joints; j++)
            store_as(a->out, (j * a->rows + p.row) * channels + c, out[j], is_bfloat16);
    }
}

// One row of silu((out + product + bias) scale + shift); the product is (joints, rows, channels).
INLINE void residual_piece(const Residual *r, const void *product, Piece p, int joints, int is_bfloat16) {
    for (int j = 0; j < joints; j++) {
        for (int64_t c = p.first; c < p.last; c += LANES) {
            size_t at = (j * r->rows + p.row) * r->channels + c;
            floats x = load(r->out + at) + load_as(product, at, is_bfloat16) + load(r->bias + c);
            store(r->out + at, silu(x * load(r->scale + c) + load(r->shift + c)));
        }
    }
}

typedef void (*Kernel)(const Shape *shape, const void *input, Piece piece);
typedef void (*Parallel)(void (*work)(void *), void *data, unsigned threads, unsigned flags);

typedef struct {
    Kernel kernel;
    const Shape *shape;
    const void *input;
    int64_t pieces, width, next;  // pieces of a row, channels of a piece
} Work;

static void take_pieces(void *data) {
    Work *work = data;
    const int64_t all = work->shape->rows * work->pieces, channels = work->shape->channels;
    for (;;) {
        int64_t i = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED);
        if (i >= all) return;
        int64_t first = i % work->pieces * work->width, last = first + work->width;
        Piece piece = {i / work->pieces, first, last < channels ? last : channels};
        work->kernel(work->shape, work->input, piece);
    }
}

// parallel: GOMP_parallel of the OpenMP that PyTorch runs on; NULL for none. Another's threads would fight with those.
static void run(Kernel kernel, const Shape *shape, const void *input, int whole_rows, Parallel parallel, int threads) {
    const int64_t rows = shape->rows, wanted = PIECES * threads, blocks = shape->channels / LANES;
    const int alone = !parallel || threads < 2 || rows * shape->channels <= FEW;
    int64_t pieces = alone || whole_rows || rows >= wanted ? 1 : (wanted + rows - 1) / rows;
    if (pieces > blocks) pieces = blocks;
    Work work = {kernel, shape, input, pieces, (blocks + pieces - 1) / pieces * LANES, 0};
    if (alone)
        take_pieces(&work);
    else
        parallel(take_pieces, &work, (unsigned)threads, 0);
}

// Each kernel with what the compiler shall see as constants.
#define KERNEL(name, Arguments, whole_rows)                                                           \
    static void name(const Shape *shape, const void *input, Piece piece) {                            \
        const Arguments *arguments = (const Arguments *)shape;                                        \
        if (shape->joints == 17 && shape->is_bfloat16)                                                \
            name##_piece(arguments, input, piece, 17, 1);                                             \
        else if (shape->joints == 17)                                                                 \
            name##_piece(arguments, input, piece, 17, 0);                                             \
        else                                                                                          \
            name##_piece(arguments, input, piece, (int)shape->joints, (int)shape->is_bfloat16);       \
    }                                                                                                 \
    void diffupose_##name(const Shape *shape, const void *input, Parallel parallel, int threads) {    \
        run(name, shape, input, whole_rows, parallel, threads);                                       \
    }

KERNEL(graph_conv, GraphConv, 0)
KERNEL(graph_layer, GraphLayer, 0)
KERNEL(linear, Linear, 0)
KERNEL(attention, Attention, 1)
KERNEL(residual, Residual, 0)
#if LANES == 16
KERNEL(graph_tiles, GraphLayer, 0)
KERNEL(linear_tiles, Linear, 0)
#endif

int diffupose_lanes(void) { return LANES; }

// Asks Linux to let this process use AMX, as it has to be asked; what the CPU has, kernels.py knows.
int diffupose_may_use_tiles(void) {
#if defined(__linux__) && LANES == 16
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return 0;
#endif
}

int diffupose_version(void) { return 3; }  // of what kernels.py has to know: the functions and their structs
