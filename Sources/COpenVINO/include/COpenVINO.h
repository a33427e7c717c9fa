// OpenVINO's C library, opened at run time: nothing is linked, so a program starts without it and says what is missing.
// The declarations are our own, of the part of the 2.0 C interface that is used.
#ifndef SLUICE_COPENVINO_H
#define SLUICE_COPENVINO_H

#include <stddef.h>
#include <stdint.h>

typedef struct cov_engine cov_engine;
typedef struct cov_network cov_network;

#define COV_TEXT 512  // size of the buffer for an error's text, end mark included
#define COV_NAME 128  // size of the buffer for a port's name, end mark included
#define COV_RANK 8    // most dimensions of a tensor

// Kinds of a tensor's elements, with the library's own numbers; others cannot be read or written.
enum { COV_F16 = 3, COV_F32 = 4, COV_I32 = 9, COV_I64 = 10 };

typedef struct {
    char name[COV_NAME];
    int32_t type;
    int32_t rank;            // 0...COV_RANK, or -1 when it is not fixed
    int64_t dims[COV_RANK];  // -1: any
} cov_port;

// Opens the library at `path` and makes its core. NULL on failure, with the reason in `text`. It is never unloaded.
// `cache` names a folder for compiled models, or is NULL.
cov_engine *cov_open(const char *path, const char *cache, char text[COV_TEXT]);
void cov_shut(cov_engine *engine);

// Reads and compiles a model for the processor: hint LATENCY, 32-bit floats, `threads` threads. NULL on failure.
cov_network *cov_compile(const cov_engine *engine, const char *model, int threads, char text[COV_TEXT]);
void cov_close(cov_network *network);

// How many inputs or outputs there are, and what they take. 0, or 1 on failure.
size_t cov_count(const cov_network *network, int outputs);
int cov_describe(const cov_network *network, int outputs, size_t index, cov_port *port, char text[COV_TEXT]);

// The memory of an input in this shape, valid until the input is asked for in another one; `*type` says of what.
// 0, or 1 on failure.
int cov_input(cov_network *network, size_t index, int rank, const int64_t *dims, void **data, size_t *count,
              int32_t *type, char text[COV_TEXT]);

// Runs the network over its inputs. Not for two threads at once. 0, or 1 on failure.
int cov_infer(cov_network *network, char text[COV_TEXT]);

// An output as it is after a run, valid until the next run; `port` says its shape. 0, or 1 on failure.
int cov_output(cov_network *network, size_t index, cov_port *port, const void **data, size_t *count,
               char text[COV_TEXT]);

#endif
