/*
 * A program for the Cortex-M4 of the board mps2-an386 under QEMU: images from the standard input,
 * for each a line with class and scores, then how many bytes of stack predicting took at most.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "network.h"

extern char __stack[];
void reset(void);
void initialise_monitor_handles(void);
void _fini(void);

__attribute__((section(".vectors"), used)) static void *const vectors[2] = {__stack, reset};

#define PAINTED 4096
#define PAINT 0xa5

/* What the C library calls at the end. */
void _fini(void) {}

static int run(void) {
    static uint8_t image[NETWORK_INPUTS];
    static network_workspace workspace;
    static float scores[NETWORK_OUTPUTS];
    size_t most = 0;
    while (fread(image, 1, sizeof image, stdin) == sizeof image) {
        char *bottom, *place;
        int found, i;
        __asm__ volatile("mov %0, sp" : "=r"(bottom));
        for (place = bottom - PAINTED; place < bottom; ++place) *(volatile char *)place = (char)PAINT;
        found = network_predict(image, &workspace, scores);
        for (place = bottom - PAINTED; *(volatile char *)place == (char)PAINT; ++place) continue;
        if ((size_t)(bottom - place) > most) most = (size_t)(bottom - place);
        printf("%d", found);
        for (i = 0; i < NETWORK_OUTPUTS; ++i) printf(" %.9g", (double)scores[i]);
        printf("\n");
    }
    printf("stack %u\n", (unsigned)most);
    return 0;
}

__attribute__((noinline)) static void start(void) {
    initialise_monitor_handles();
    exit(run());
}

void reset(void) {
    /* Coprocessors 10 and 11 are the float unit. */
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20;
    __asm__ volatile("dsb\n isb");
    start();
}
