// libFuzzer target: arbitrary bytes are a grammar and texts; every answer is compared with a slow recogniser.
#include <cstdio>
#include <cstdlib>

#include "../../cpp/grammar/ir.hpp"
#include "../../cpp/tests/random_case.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tamis::RandomCase random(data, size);
  const std::string wrong = tamis::wrong_answer(random);
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n%s\n", wrong.c_str(), tamis::to_text(random.grammar).c_str());
    std::abort();
  }
  return 0;
}
