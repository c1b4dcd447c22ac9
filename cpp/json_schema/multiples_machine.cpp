// Multiples of a decimal of any size; see machines.hpp.
#include <map>

#include "json_lexer.hpp"
#include "machines.hpp"

namespace tamis::schema {
namespace {

class Multiples final : public Machine {
 public:
  explicit Multiples(const Decimal& step) : places_(step.scale()), modulus_(step.scaled(step.scale())) {}

  State start() override { return interned({Phase::kStart, 0, "0"}); }

  State step(State state, std::uint8_t byte) override {
    View view = views_[static_cast<std::size_t>(state)];
    if (byte == '-' && view.phase == Phase::kStart) {
      view.phase = Phase::kSign;
    } else if (byte == '.' && (view.phase == Phase::kZero || view.phase == Phase::kWhole)) {
      view.phase = Phase::kPoint;
    } else if (byte < '0' || byte > '9' || view.phase == Phase::kZero) {
      return kDead;
    } else if (view.phase == Phase::kPoint || view.phase == Phase::kFraction) {
      view.phase = Phase::kFraction;
      if (view.place < places_) {
        ++view.place;
        view.remainder = next_remainder(view.remainder, byte);
      } else if (byte != '0') {
        return kDead;
      }
      if (view.place == places_ && view.remainder != "0") return kDead;
    } else {
      const bool is_first = view.phase == Phase::kStart || view.phase == Phase::kSign;
      view.phase = is_first && byte == '0' ? Phase::kZero : Phase::kWhole;
      view.remainder = next_remainder(view.remainder, byte);
    }
    return interned(view);
  }

  bool is_complete(State state) override {
    const View& view = views_[static_cast<std::size_t>(state)];
    if (view.phase != Phase::kZero && view.phase != Phase::kWhole && view.phase != Phase::kFraction) return false;
    return remainder_of(view.remainder + std::string(static_cast<std::size_t>(places_ - view.place), '0')) == "0";
  }

  std::size_t memory_bytes() const override { return bytes_; }

 private:
  enum class Phase : std::uint8_t { kStart, kSign, kZero, kWhole, kPoint, kFraction };
  struct View {
    Phase phase;
    int place;  // digits of the fraction so far, as far as they matter
    std::string remainder;
    auto operator<=>(const View&) const = default;
  };

  std::string remainder_of(const std::string& digits) const {
    Natural quotient;
    Natural rest;
    Natural::divide(Natural(digits), modulus_, quotient, rest);
    return rest.digits();
  }
  std::string next_remainder(const std::string& remainder, std::uint8_t digit) const {
    return remainder_of(remainder + static_cast<char>(digit));
  }

  State interned(const View& view) {
    const auto [found, inserted] = ids_.emplace(view, static_cast<State>(views_.size()));
    if (inserted) {
      views_.push_back(view);
      bytes_ += 2 * (sizeof(View) + view.remainder.size()) + 48;
      check_machine_memory(bytes_);
    }
    return found->second;
  }

  int places_;
  Natural modulus_;
  std::map<View, State> ids_;
  std::vector<View> views_;
  std::size_t bytes_ = 0;
};

class MultiplesSource final : public MachineSource {
 public:
  explicit MultiplesSource(Decimal step) : step_(std::move(step)) {}
  std::unique_ptr<Machine> make() const override { return std::make_unique<Multiples>(step_); }
  bool accepts_empty() const override { return false; }
  bool has_cheap_masks() const override { return true; }
  std::string name() const override { return "a multiple (multipleOf)"; }

 private:
  Decimal step_;
};

}  // namespace

std::shared_ptr<const MachineSource> multiples_machine(const Decimal& step) {
  return std::make_shared<const MultiplesSource>(step);
}

}  // namespace tamis::schema
