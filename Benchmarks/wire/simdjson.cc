// What simdjson says about JSON texts, and how fast it says it.
//
//   simdjson FILE          lines of hexadecimal, one text each: writes `accepted` or the reason for each
//   simdjson --time FILE   one text: writes the CPU microseconds of reading it into a tree, the best of seven rounds
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <simdjson.h>
#include <string>

static double cpu_microseconds() {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return double(time.tv_sec) * 1e6 + double(time.tv_nsec) / 1e3;
}

static int judge(const char *path, simdjson::dom::parser &parser) {
    std::ifstream lines(path);
    std::string line;
    while (std::getline(lines, line)) {
        std::string text;
        for (size_t i = 0; i + 1 < line.size(); i += 2) text += char(std::stoi(line.substr(i, 2), nullptr, 16));
        simdjson::dom::element value;
        auto error = parser.parse(simdjson::padded_string(text)).get(value);
        std::cout << (error ? simdjson::error_message(error) : "accepted") << "\n";
    }
    return 0;
}

static int measure(const char *path, simdjson::dom::parser &parser) {
    std::ifstream file(path, std::ios::binary);
    simdjson::padded_string text(std::string(std::istreambuf_iterator<char>(file), {}));
    const int count = 200000;
    double best = 1e9;
    for (int round = 0; round < 7; round++) {
        double start = cpu_microseconds();
        for (int i = 0; i < count; i++) {
            simdjson::dom::element value;
            if (parser.parse(text).get(value)) return 1;
        }
        best = std::min(best, (cpu_microseconds() - start) / count);
    }
    std::cout << best << "\n";
    return 0;
}

int main(int argc, char **argv) {
    simdjson::dom::parser parser;
    if (parser.allocate(1 << 20, 65)) return 3; // its depth counts the root
    if (argc == 3) return measure(argv[2], parser);
    return argc == 2 ? judge(argv[1], parser) : 2;
}
