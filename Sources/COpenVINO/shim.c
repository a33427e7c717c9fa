#include "COpenVINO.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// From OpenVINO's documented C interface (openvino/c/*.h, Apache License 2.0): opaque handles, 0 is success.
typedef int32_t ov_status;
typedef struct ov_core ov_core;
typedef struct ov_compiled ov_compiled;
typedef struct ov_request ov_request;
typedef struct ov_tensor ov_tensor;
enum { OV_F32 = 4, MOST_OUTPUTS = 16 };

struct cov_engine {
    ov_core *core;
    ov_status (*core_create)(ov_core **);
    ov_status (*core_set_property)(const ov_core *, const char *, ...);
    ov_status (*compile)(const ov_core *, const char *, const char *, size_t, ov_compiled **, ...);
    ov_status (*request_create)(const ov_compiled *, ov_request **);
    ov_status (*outputs_size)(const ov_compiled *, size_t *);
    ov_status (*input_by_index)(const ov_request *, size_t, ov_tensor **);
    ov_status (*output_by_index)(const ov_request *, size_t, ov_tensor **);
    ov_status (*infer)(ov_request *);
    ov_status (*tensor_data)(const ov_tensor *, void **);
    ov_status (*tensor_size)(const ov_tensor *, size_t *);
    ov_status (*tensor_type)(const ov_tensor *, int32_t *);
    void (*tensor_free)(ov_tensor *);
    void (*request_free)(ov_request *);
    void (*compiled_free)(ov_compiled *);
    const char *(*last_error)(void);
    const char *(*error_info)(ov_status);
};

struct cov_network {
    const cov_engine *engine;
    ov_compiled *compiled;
    ov_request *request;
    ov_tensor *input;
    ov_tensor *output;  // the one asked for last
    size_t outputs;
};

static void say(char text[COV_TEXT], const char *what, const char *reason) {
    snprintf(text, COV_TEXT, "%s: %s", what, reason && *reason ? reason : "no reason given");
    // OpenVINO's reasons run over several lines; the message is to be one.
    for (char *at = text; *at; at++)
        if (*at == '\n' || *at == '\r') *at = at[1] ? ' ' : 0;
}

static int failed(const cov_engine *engine, ov_status status, const char *what, char text[COV_TEXT]) {
    if (status == 0) return 0;
    const char *reason = engine->last_error ? engine->last_error() : NULL;
    say(text, what, reason && *reason ? reason : engine->error_info(status));
    return 1;
}

cov_engine *cov_open(const char *path, const char *cache, char text[COV_TEXT]) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        say(text, "cannot be opened", dlerror());
        return NULL;
    }
    cov_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        say(text, "cannot be opened", "out of memory");
        return NULL;
    }
    const struct {
        const char *name;
        void **slot;
    } wanted[] = {
        {"ov_core_create", (void **)&engine->core_create},
        {"ov_core_set_property", (void **)&engine->core_set_property},
        {"ov_core_compile_model_from_file", (void **)&engine->compile},
        {"ov_compiled_model_create_infer_request", (void **)&engine->request_create},
        {"ov_compiled_model_outputs_size", (void **)&engine->outputs_size},
        {"ov_infer_request_get_input_tensor_by_index", (void **)&engine->input_by_index},
        {"ov_infer_request_get_output_tensor_by_index", (void **)&engine->output_by_index},
        {"ov_infer_request_infer", (void **)&engine->infer},
        {"ov_tensor_data", (void **)&engine->tensor_data},
        {"ov_tensor_get_size", (void **)&engine->tensor_size},
        {"ov_tensor_get_element_type", (void **)&engine->tensor_type},
        {"ov_tensor_free", (void **)&engine->tensor_free},
        {"ov_infer_request_free", (void **)&engine->request_free},
        {"ov_compiled_model_free", (void **)&engine->compiled_free},
        {"ov_get_last_err_msg", (void **)&engine->last_error},
        {"ov_get_error_info", (void **)&engine->error_info},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].slot = dlsym(library, wanted[i].name);
        if (!*wanted[i].slot) {
            say(text, "is not the OpenVINO library that is expected, it lacks", wanted[i].name);
            free(engine);
            return NULL;
        }
    }
    if (failed(engine, engine->core_create(&engine->core), "does not start", text)) {
        free(engine);
        return NULL;
    }
    if (cache && failed(engine, engine->core_set_property(engine->core, "CPU", "CACHE_DIR", cache),
                        "does not take the folder for compiled models", text)) {
        free(engine);
        return NULL;
    }
    return engine;
}

cov_network *cov_compile(const cov_engine *engine, const char *model, int threads, char text[COV_TEXT]) {
    cov_network *network = calloc(1, sizeof *network);
    if (!network) {
        say(text, "cannot be compiled", "out of memory");
        return NULL;
    }
    network->engine = engine;
    char count[16];
    snprintf(count, sizeof count, "%d", threads);
    // Processors with bfloat16 would use it unasked, and place a mask's edge differently from others: always f32.
    ov_status status = engine->compile(engine->core, model, "CPU", 10, &network->compiled,
                                       "PERFORMANCE_HINT", "LATENCY", "NUM_STREAMS", "1",
                                       "INFERENCE_NUM_THREADS", count, "INFERENCE_PRECISION_HINT", "f32",
                                       "ENABLE_CPU_PINNING", "NO");
    if (failed(engine, status, "cannot be compiled", text) ||
        failed(engine, engine->outputs_size(network->compiled, &network->outputs), "has no outputs", text) ||
        failed(engine, engine->request_create(network->compiled, &network->request), "cannot be run", text) ||
        failed(engine, engine->input_by_index(network->request, 0, &network->input), "has no input", text)) {
        cov_close(network);
        return NULL;
    }
    return network;
}

void cov_close(cov_network *network) {
    if (network->output) network->engine->tensor_free(network->output);
    if (network->input) network->engine->tensor_free(network->input);
    if (network->request) network->engine->request_free(network->request);
    if (network->compiled) network->engine->compiled_free(network->compiled);
    free(network);
}

static int floats(const cov_engine *engine, const ov_tensor *tensor, void **data, size_t *count, char text[COV_TEXT]) {
    int32_t type = 0;
    if (failed(engine, engine->tensor_type(tensor, &type), "has an unreadable tensor", text)) return 1;
    if (type != OV_F32) {
        say(text, "has an unexpected tensor", "its elements are not 32-bit floats");
        return 1;
    }
    return failed(engine, engine->tensor_size(tensor, count), "has an unreadable tensor", text) ||
           failed(engine, engine->tensor_data(tensor, data), "has an unreadable tensor", text);
}

int cov_input(cov_network *network, float **data, size_t *count, char text[COV_TEXT]) {
    void *memory = NULL;
    if (floats(network->engine, network->input, &memory, count, text)) return 1;
    *data = memory;
    return 0;
}

int cov_infer(cov_network *network, char text[COV_TEXT]) {
    return failed(network->engine, network->engine->infer(network->request), "did not run", text);
}

int cov_output(cov_network *network, size_t count, const float **data, char text[COV_TEXT]) {
    const cov_engine *engine = network->engine;
    for (size_t i = 0; i < network->outputs && i < MOST_OUTPUTS; i++) {
        ov_tensor *tensor = NULL;
        if (failed(engine, engine->output_by_index(network->request, i, &tensor), "has an unreadable output", text))
            return 1;
        size_t size = 0;
        if (engine->tensor_size(tensor, &size) != 0 || size != count) {
            engine->tensor_free(tensor);
            continue;
        }
        if (network->output) engine->tensor_free(network->output);
        network->output = tensor;
        void *memory = NULL;
        if (floats(engine, tensor, &memory, &size, text)) return 1;
        *data = memory;
        return 0;
    }
    snprintf(text, COV_TEXT, "has no output of %zu numbers: it is another model than expected", count);
    return 1;
}
