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
typedef struct ov_port ov_port;
typedef struct {
    int64_t rank, *dims;
} ov_shape;
typedef struct {
    int64_t min, max;
} ov_dimension;
typedef struct {
    ov_dimension rank, *dims;
} ov_partial_shape;
// Models that are not ours may have any number of ports; none that makes sense has more.
enum { MOST_PORTS = 64 };

struct cov_engine {
    ov_core *core;
    ov_status (*core_create)(ov_core **);
    void (*core_free)(ov_core *);
    ov_status (*core_set_property)(const ov_core *, const char *, ...);
    ov_status (*compile)(const ov_core *, const char *, const char *, size_t, ov_compiled **, ...);
    ov_status (*request_create)(const ov_compiled *, ov_request **);
    ov_status (*ports_size[2])(const ov_compiled *, size_t *);
    ov_status (*port_by_index[2])(const ov_compiled *, size_t, ov_port **);
    ov_status (*port_name)(const ov_port *, char **);
    ov_status (*port_shape)(const ov_port *, ov_partial_shape *);
    ov_status (*port_type)(const ov_port *, int32_t *);
    void (*port_free)(ov_port *);
    void (*partial_shape_free)(ov_partial_shape *);
    ov_status (*set_input)(ov_request *, size_t, const ov_tensor *);
    ov_status (*output_by_index)(const ov_request *, size_t, ov_tensor **);
    ov_status (*infer)(ov_request *);
    ov_status (*tensor_create)(int32_t, ov_shape, ov_tensor **);
    ov_status (*tensor_data)(const ov_tensor *, void **);
    ov_status (*tensor_size)(const ov_tensor *, size_t *);
    ov_status (*tensor_type)(const ov_tensor *, int32_t *);
    ov_status (*tensor_shape)(const ov_tensor *, ov_shape *);
    ov_status (*shape_free)(ov_shape *);
    void (*tensor_free)(ov_tensor *);
    void (*request_free)(ov_request *);
    void (*compiled_free)(ov_compiled *);
    const char *(*last_error)(void);
    void (*text_free)(const char *);
    const char *(*error_info)(ov_status);
};

struct cov_network {
    const cov_engine *engine;
    ov_compiled *compiled;
    ov_request *request;
    size_t ports[2];
    ov_tensor *inputs[MOST_PORTS];
    ov_tensor *outputs[MOST_PORTS];  // those asked for since the last run
};

static void say(char text[COV_TEXT], const char *what, const char *reason) {
    snprintf(text, COV_TEXT, "%s: %s", what, reason && *reason ? reason : "no reason given");
    // OpenVINO's reasons run over several lines; the message is to be one.
    for (char *at = text; *at; at++)
        if (*at == '\n' || *at == '\r') *at = at[1] ? ' ' : 0;
}

static int failed(const cov_engine *engine, ov_status status, const char *what, char text[COV_TEXT]) {
    if (status == 0) return 0;
    const char *reason = engine->last_error();
    say(text, what, reason && *reason ? reason : engine->error_info(status));
    if (reason) engine->text_free(reason);
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
        {"ov_core_free", (void **)&engine->core_free},
        {"ov_core_set_property", (void **)&engine->core_set_property},
        {"ov_core_compile_model_from_file", (void **)&engine->compile},
        {"ov_compiled_model_create_infer_request", (void **)&engine->request_create},
        {"ov_compiled_model_inputs_size", (void **)&engine->ports_size[0]},
        {"ov_compiled_model_outputs_size", (void **)&engine->ports_size[1]},
        {"ov_compiled_model_input_by_index", (void **)&engine->port_by_index[0]},
        {"ov_compiled_model_output_by_index", (void **)&engine->port_by_index[1]},
        {"ov_port_get_any_name", (void **)&engine->port_name},
        {"ov_port_get_partial_shape", (void **)&engine->port_shape},
        {"ov_port_get_element_type", (void **)&engine->port_type},
        {"ov_output_const_port_free", (void **)&engine->port_free},
        {"ov_partial_shape_free", (void **)&engine->partial_shape_free},
        {"ov_infer_request_set_input_tensor_by_index", (void **)&engine->set_input},
        {"ov_infer_request_get_output_tensor_by_index", (void **)&engine->output_by_index},
        {"ov_infer_request_infer", (void **)&engine->infer},
        {"ov_tensor_create", (void **)&engine->tensor_create},
        {"ov_tensor_data", (void **)&engine->tensor_data},
        {"ov_tensor_get_size", (void **)&engine->tensor_size},
        {"ov_tensor_get_element_type", (void **)&engine->tensor_type},
        {"ov_tensor_get_shape", (void **)&engine->tensor_shape},
        {"ov_shape_free", (void **)&engine->shape_free},
        {"ov_tensor_free", (void **)&engine->tensor_free},
        {"ov_infer_request_free", (void **)&engine->request_free},
        {"ov_compiled_model_free", (void **)&engine->compiled_free},
        {"ov_get_last_err_msg", (void **)&engine->last_error},
        {"ov_free", (void **)&engine->text_free},
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
        cov_shut(engine);
        return NULL;
    }
    return engine;
}

void cov_shut(cov_engine *engine) {
    engine->core_free(engine->core);
    free(engine);
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
        failed(engine, engine->ports_size[0](network->compiled, &network->ports[0]), "has no inputs", text) ||
        failed(engine, engine->ports_size[1](network->compiled, &network->ports[1]), "has no outputs", text) ||
        failed(engine, engine->request_create(network->compiled, &network->request), "cannot be run", text)) {
        cov_close(network);
        return NULL;
    }
    for (int i = 0; i < 2; i++)
        if (network->ports[i] > MOST_PORTS) network->ports[i] = MOST_PORTS;
    return network;
}

static void drop(const cov_engine *engine, ov_tensor **tensor) {
    if (*tensor) engine->tensor_free(*tensor);
    *tensor = NULL;
}

void cov_close(cov_network *network) {
    for (size_t i = 0; i < MOST_PORTS; i++) {
        drop(network->engine, &network->outputs[i]);
        drop(network->engine, &network->inputs[i]);
    }
    if (network->request) network->engine->request_free(network->request);
    if (network->compiled) network->engine->compiled_free(network->compiled);
    free(network);
}

size_t cov_count(const cov_network *network, int outputs) { return network->ports[outputs != 0]; }

int cov_describe(const cov_network *network, int outputs, size_t index, cov_port *port, char text[COV_TEXT]) {
    const cov_engine *engine = network->engine;
    memset(port, 0, sizeof *port);
    ov_port *handle = NULL;
    if (failed(engine, engine->port_by_index[outputs != 0](network->compiled, index, &handle), "lacks a port", text))
        return 1;
    char *name = NULL;
    // A port may have no name; it is found by its place then.
    if (engine->port_name(handle, &name) == 0 && name) {
        snprintf(port->name, COV_NAME, "%s", name);
        engine->text_free(name);
    }
    ov_partial_shape shape = {0};
    int bad = failed(engine, engine->port_type(handle, &port->type), "has an unreadable port", text) ||
              failed(engine, engine->port_shape(handle, &shape), "has an unreadable port", text);
    if (!bad) {
        port->rank = shape.rank.min == shape.rank.max && shape.rank.max <= COV_RANK ? (int32_t)shape.rank.max : -1;
        for (int32_t i = 0; i < port->rank; i++)
            port->dims[i] = shape.dims[i].min == shape.dims[i].max ? shape.dims[i].max : -1;
        engine->partial_shape_free(&shape);
    }
    engine->port_free(handle);
    return bad;
}

static int contents(const cov_engine *engine, const ov_tensor *tensor, void **data, size_t *count, int32_t *type,
                    char text[COV_TEXT]) {
    return failed(engine, engine->tensor_type(tensor, type), "has an unreadable tensor", text) ||
           failed(engine, engine->tensor_size(tensor, count), "has an unreadable tensor", text) ||
           failed(engine, engine->tensor_data(tensor, data), "has an unreadable tensor", text);
}

static int same_shape(const cov_engine *engine, const ov_tensor *tensor, int rank, const int64_t *dims) {
    ov_shape shape = {0};
    if (engine->tensor_shape(tensor, &shape) != 0) return 0;
    int same = shape.rank == rank && (rank == 0 || memcmp(shape.dims, dims, (size_t)rank * sizeof *dims) == 0);
    engine->shape_free(&shape);
    return same;
}

int cov_input(cov_network *network, size_t index, int rank, const int64_t *dims, void **data, size_t *count,
              int32_t *type, char text[COV_TEXT]) {
    const cov_engine *engine = network->engine;
    if (index >= network->ports[0] || rank < 0 || rank > COV_RANK) {
        say(text, "has no such input", "it is another model than expected");
        return 1;
    }
    ov_tensor **slot = &network->inputs[index];
    if (*slot && !same_shape(engine, *slot, rank, dims)) drop(engine, slot);
    if (!*slot) {
        cov_port port;
        if (cov_describe(network, 0, index, &port, text)) return 1;
        int64_t copy[COV_RANK] = {0};
        for (int i = 0; i < rank; i++) copy[i] = dims[i];
        ov_shape shape = {rank, copy};
        if (failed(engine, engine->tensor_create(port.type, shape, slot), "does not take this input", text)) return 1;
        if (failed(engine, engine->set_input(network->request, index, *slot), "does not take this input", text)) {
            drop(engine, slot);
            return 1;
        }
    }
    return contents(engine, *slot, data, count, type, text);
}

int cov_infer(cov_network *network, char text[COV_TEXT]) {
    for (size_t i = 0; i < MOST_PORTS; i++) drop(network->engine, &network->outputs[i]);
    return failed(network->engine, network->engine->infer(network->request), "did not run", text);
}

int cov_output(cov_network *network, size_t index, cov_port *port, const void **data, size_t *count,
               char text[COV_TEXT]) {
    const cov_engine *engine = network->engine;
    memset(port, 0, sizeof *port);
    if (index >= network->ports[1]) {
        say(text, "has no such output", "it is another model than expected");
        return 1;
    }
    ov_tensor **slot = &network->outputs[index];
    if (!*slot &&
        failed(engine, engine->output_by_index(network->request, index, slot), "has an unreadable output", text))
        return 1;
    ov_shape shape = {0};
    if (failed(engine, engine->tensor_shape(*slot, &shape), "has an unreadable output", text)) return 1;
    port->rank = shape.rank >= 0 && shape.rank <= COV_RANK ? (int32_t)shape.rank : -1;
    for (int32_t i = 0; i < port->rank; i++) port->dims[i] = shape.dims[i];
    engine->shape_free(&shape);
    void *memory = NULL;
    if (contents(engine, *slot, &memory, count, &port->type, text)) return 1;
    *data = memory;
    return 0;
}
