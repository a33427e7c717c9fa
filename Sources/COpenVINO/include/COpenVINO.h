// OpenVINO's C library, opened at run time: nothing is linked, so a program starts without it and says what is missing.
// The declarations are our own, of the part of the 2.0 C interface that is used.
#ifndef SLUICE_COPENVINO_H
#define SLUICE_COPENVINO_H

#include <stddef.h>
#include <stdint.h>

typedef struct cov_engine cov_engine;
typedef struct cov_network cov_network;

#define COV_TEXT 512  // size of the buffer for an error's text, end mark included

// Opens the library at `path` and makes its core. NULL on failure, with the reason in `text`. It is never unloaded.
// `cache` names a folder for compiled models, or is NULL.
cov_engine *cov_open(const char *path, const char *cache, char text[COV_TEXT]);

// Reads and compiles a model for the processor: hint LATENCY, 32-bit floats, `threads` threads. NULL on failure.
cov_network *cov_compile(const cov_engine *engine, const char *model, int threads, char text[COV_TEXT]);
void cov_close(cov_network *network);

// The memory of the only input, `*count` floats, valid as long as the network. 0, or 1 on failure.
int cov_input(cov_network *network, float **data, size_t *count, char text[COV_TEXT]);

// Runs the network over its input. Not for two threads at once. 0, or 1 on failure.
int cov_infer(cov_network *network, char text[COV_TEXT]);

// The output that has exactly `count` floats, valid until the next run. 0, or 1 when there is none.
int cov_output(cov_network *network, size_t count, const float **data, char text[COV_TEXT]);

#endif
