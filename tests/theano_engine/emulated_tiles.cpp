// AMX on a processor without it: whoever links or loads this has the instructions that the kernels
// use carried out where the processor refuses them, as Intel describes them. Any other illegal
// instruction ends the program.
//
// Products are rounded by the processor's own fused multiply-add, which takes and gives zeros for
// subnormal numbers meanwhile, as tiles do.
#include <immintrin.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

static const int TILES = 8, ROWS = 16, ROW_BYTES = 64;

struct Tiles {
    uint8_t configuration[64];
    uint8_t bytes[TILES][ROWS][ROW_BYTES];

    bool configured() const { return configuration[0] == 1; }
    int rows(int tile) const { return configuration[48 + tile]; }
    int row_bytes(int tile) const { return configuration[16 + 2 * tile]; }
};

static thread_local Tiles tiles;
static volatile long products;

extern "C" long emulated_products() { return products; }

[[noreturn]] static void refuse(const char* why) {
    fprintf(stderr, "illegal instruction: %s\n", why);
    abort();
}

// The number of a register in an instruction, as Linux hands it over.
static const int REGISTERS[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                REG_R12, REG_R13, REG_R14, REG_R15};

struct Instruction {
    int prefix, opcode;       // 0 none, 1 66, 2 F3, 3 F2
    int mode, first, second;  // of the byte ModRM: mod, reg, rm
    int third;                // VEX.vvvv
    uint8_t* address;         // of memory
    ptrdiff_t stride;         // the index register's
    const uint8_t* next;
};

// Of a VEX prefix of three bytes, 128 bits, W 0, map 0F38; false where it is no other's.
static bool decode(const uint8_t* at, const greg_t* registers, Instruction* found) {
    if (at[0] != 0xc4 || (at[1] & 0x1f) != 2 || (at[2] & 0x84) != 0) return false;
    const int index_high = at[1] & 0x40 ? 0 : 8, base_high = at[1] & 0x20 ? 0 : 8;
    found->prefix = at[2] & 3;
    found->third = ~(at[2] >> 3) & 15;
    found->opcode = at[3];
    found->mode = at[4] >> 6;
    found->first = at[4] >> 3 & 7;
    found->second = at[4] & 7;
    at += 5;
    if (found->mode != 3) {
        int base = found->second | base_high;
        found->stride = 0;
        bool absolute = false;
        if (found->second == 4) {
            const uint8_t sib = *at++;
            base = (sib & 7) | base_high;
            const int index = (sib >> 3 & 7) | index_high;
            if (index != 4) found->stride = registers[REGISTERS[index]] << (sib >> 6);
            absolute = (sib & 7) == 5 && found->mode == 0;
        } else if (found->second == 5 && found->mode == 0) {
            return false;
        }
        int32_t offset = 0;
        if (found->mode == 1) {
            offset = (int8_t)*at++;
        } else if (found->mode == 2 || absolute) {
            memcpy(&offset, at, sizeof offset);
            at += sizeof offset;
        }
        found->address = (uint8_t*)(absolute ? 0 : registers[REGISTERS[base]]) + offset;
    }
    found->next = at;
    return true;
}

static float bfloat16(const uint8_t* bytes) {
    const uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// TDPBF16PS: rows of `a` by pairs of `b`, first and second halves of the pairs apart.
__attribute__((target("fma"))) static void multiply(int sums, int a, int b) {
    if (tiles.row_bytes(a) != 4 * tiles.rows(b) || tiles.rows(sums) != tiles.rows(a) ||
        tiles.row_bytes(sums) != tiles.row_bytes(b))
        refuse("tiles that do not fit");
    const unsigned before = _mm_getcsr();
    _mm_setcsr(0x9fc0);  // to the nearest, nothing raised, subnormal numbers are zeros
    for (int m = 0; m < tiles.rows(a); m++) {
        float halves[2][ROWS] = {{0}};
        for (int k = 0; k < tiles.rows(b); k++)
            for (int n = 0; n < tiles.row_bytes(b) / 4; n++)
                for (int half = 0; half < 2; half++) {
                    const __m128 x = _mm_set_ss(bfloat16(tiles.bytes[a][m] + 4 * k + 2 * half));
                    const __m128 y = _mm_set_ss(bfloat16(tiles.bytes[b][k] + 4 * n + 2 * half));
                    halves[half][n] =
                        _mm_cvtss_f32(_mm_fmadd_ss(x, y, _mm_set_ss(halves[half][n])));
                }
        for (int n = 0; n < tiles.row_bytes(b) / 4; n++) {
            float sum;
            memcpy(&sum, tiles.bytes[sums][m] + 4 * n, sizeof sum);
            const __m128 both = _mm_add_ss(_mm_set_ss(halves[0][n]), _mm_set_ss(halves[1][n]));
            sum = _mm_cvtss_f32(_mm_add_ss(_mm_set_ss(sum), both));
            memcpy(tiles.bytes[sums][m] + 4 * n, &sum, sizeof sum);
        }
    }
    _mm_setcsr(before);
    __atomic_fetch_add(&products, 1, __ATOMIC_RELAXED);
}

static void move(const Instruction& of, bool load) {
    for (int row = 0; row < tiles.rows(of.first); row++) {
        uint8_t* memory = of.address + row * of.stride;
        uint8_t* here = tiles.bytes[of.first][row];
        if (load) {
            memset(here, 0, ROW_BYTES);
            memcpy(here, memory, tiles.row_bytes(of.first));
        } else {
            memcpy(memory, here, tiles.row_bytes(of.first));
        }
    }
}

static void configure(const uint8_t* from) {
    memcpy(tiles.configuration, from, sizeof tiles.configuration);
    memset(tiles.bytes, 0, sizeof tiles.bytes);
    if (!tiles.configured() || from[1] != 0) refuse("a configuration of tiles that is not served");
    for (int tile = 0; tile < TILES; tile++)
        if (tiles.rows(tile) > ROWS || tiles.row_bytes(tile) > ROW_BYTES)
            refuse("a configuration of tiles that are too large");
}

static void carry_out(int, siginfo_t*, void* context) {
    greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
    Instruction found;
    if (!decode((const uint8_t*)registers[REG_RIP], registers, &found)) refuse("none of AMX's");
    const bool memory = found.mode != 3;
    if (found.opcode == 0x49 && found.prefix == 0 && memory) {
        configure(found.address);
    } else if (found.opcode == 0x49 && found.prefix == 0) {
        memset(&tiles, 0, sizeof tiles);
    } else if (!tiles.configured()) {
        refuse("tiles are not configured");
    } else if (found.opcode == 0x49 && found.prefix == 3 && !memory) {
        memset(tiles.bytes[found.first], 0, sizeof tiles.bytes[found.first]);
    } else if (found.opcode == 0x4b && found.prefix == 3 && memory) {
        move(found, true);
    } else if (found.opcode == 0x4b && found.prefix == 2 && memory) {
        move(found, false);
    } else if (found.opcode == 0x5c && found.prefix == 2 && !memory) {
        multiply(found.first, found.second, found.third);
    } else {
        refuse("one of AMX's that is not served");
    }
    registers[REG_RIP] = (greg_t)found.next;
}

__attribute__((constructor)) static void begin() {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = carry_out;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGILL, &action, NULL);
}
