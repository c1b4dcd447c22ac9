#include "token_budget.hpp"

#include <map>
#include <mutex>

namespace tamis {
namespace {

// A state is the number of tokens that were counted, and whether that under way is one of them: 2 * count + counted.
class TokenBudget final : public Machine {
 public:
  explicit TokenBudget(State most) : most_(most) {}

  State start() override { return 0; }
  State step(State state, std::uint8_t) override {
    if ((state & 1) != 0) return state;
    return state / 2 < most_ ? state + 3 : kDead;
  }
  State end_token(State state) override {
    if ((state & 1) == 0) return state;
    return state / 2 < most_ ? state - 1 : kDead;
  }
  bool is_complete(State) override { return true; }
  std::size_t memory_bytes() const override { return 0; }

 private:
  State most_;
};

class TokenBudgetSource final : public MachineSource {
 public:
  explicit TokenBudgetSource(int most) : most_(most) {}

  std::unique_ptr<Machine> make() const override { return std::make_unique<TokenBudget>(most_); }
  bool accepts_empty() const override { return true; }
  bool counts_tokens() const override { return true; }
  void mark_byte_classes(std::bitset<257>&) const override {}

 private:
  int most_;
};

}  // namespace

std::shared_ptr<MachineSource> token_budget(int tokens) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<MachineSource>> known;
  const std::lock_guard lock(mutex);
  std::shared_ptr<MachineSource> source = known[tokens].lock();
  if (source == nullptr) known[tokens] = source = std::make_shared<TokenBudgetSource>(tokens);
  return source;
}

}  // namespace tamis
