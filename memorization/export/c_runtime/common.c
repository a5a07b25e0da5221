int network_predict(const uint8_t image[NETWORK_INPUTS], network_workspace* workspace,
                    float scores[NETWORK_OUTPUTS]) {
    compute_scores(image, workspace, scores);
#if NETWORK_OUTPUTS == 1
    return scores[0] >= 0.0f;
#else
    {
        int best = 0, output;
        for (output = 1; output < NETWORK_OUTPUTS; ++output)
            if (scores[output] > scores[best]) best = output;
        return best;
    }
#endif
}

#ifdef NETWORK_MAIN
/* Images one after the other from the standard input; for each a line: class, name, scores. */
#include <stdio.h>

int main(void) {
    static uint8_t image[NETWORK_INPUTS];
    static network_workspace workspace;
    float scores[NETWORK_OUTPUTS];
    size_t got;
    while ((got = fread(image, 1, NETWORK_INPUTS, stdin)) == NETWORK_INPUTS) {
        const int found = network_predict(image, &workspace, scores);
        int output;
        printf("%d %s", found, network_class_names[found]);
        for (output = 0; output < NETWORK_OUTPUTS; ++output)
            printf(" %.9g", (double)scores[output]);
        printf("\n");
    }
    if (got != 0) {
        fprintf(stderr, "%d bytes are no whole image of %d\n", (int)got, NETWORK_INPUTS);
        return 2;
    }
    return ferror(stdin) || fflush(stdout) ? 2 : 0;
}
#endif
