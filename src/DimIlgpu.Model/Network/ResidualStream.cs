using DimIlgpu.Autograd;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model;

/// <summary>What adaLN makes of the condition for one norm, (B, D) each.</summary>
internal sealed record Modulation(Variable Shift, Variable Scale);

/// <summary>A function of normalised tokens, the modulation of that norm, and the gate through which it is added to the tokens; null where the condition is a token.</summary>
internal sealed record Branch(Func<Tape, Variable, Variable> Run, Modulation? Modulation, Variable? Gate);

/// <summary>The tokens and the branches that are added to them, one after another: h = LayerNorm(x) ⊙ (1 + scale) + shift; x ← x + gate ⊙ branch(h).</summary>
/// <remarks>A sum and the norm that follows it are one pass over memory. Without recording x itself is updated.</remarks>
internal static class ResidualStream
{
    /// <summary>Adds branches.</summary>
    /// <returns>The sum.</returns>
    public static Variable Add(Tape tape, Variable x, IReadOnlyList<Branch> branches)
    {
        Variable h = Normalize(tape, x, branches[0].Modulation);
        for (int i = 0; i + 1 < branches.Count; i++)
        {
            (x, h) = Step(tape, x, h, branches[i], branches[i + 1].Modulation);
        }

        return Sum(tape, x, h, branches[^1]);
    }

    /// <summary>Adds branches, and normalises the sum.</summary>
    /// <returns>The norm.</returns>
    public static Variable AddAndNormalize(Tape tape, Variable x, IReadOnlyList<Branch> branches, Modulation? modulation)
    {
        Variable h = Normalize(tape, x, branches[0].Modulation);
        for (int i = 0; i < branches.Count; i++)
        {
            (x, h) = Step(tape, x, h, branches[i], i + 1 < branches.Count ? branches[i + 1].Modulation : modulation);
        }

        return h;
    }

    /// <summary>The norm of the tokens, modulated where the condition does that.</summary>
    public static Variable Normalize(Tape tape, Variable x, Modulation? modulation) =>
        modulation is null ? tape.LayerNorm(x) : tape.LayerNorm(x, modulation.Shift, modulation.Scale);

    private static (Variable X, Variable H) Step(Tape tape, Variable x, Variable h, Branch branch, Modulation? next)
    {
        if (branch.Gate is not { } gate || next is null)
        {
            x = Sum(tape, x, h, branch);
            return (x, Normalize(tape, x, next));
        }

        if (tape.IsRecording)
        {
            return tape.LayerNorm(x, gate, branch.Run(tape, h), next.Shift, next.Scale, spent: h);
        }

        // x and h are updated in place, so sampling needs the memory of one branch.
        using (tape.Scope())
        {
            return tape.LayerNorm(x, gate, branch.Run(tape, h), next.Shift, next.Scale, spent: h);
        }
    }

    private static Variable Sum(Tape tape, Variable x, Variable h, Branch branch)
    {
        Variable o = branch.Run(tape, h);
        if (branch.Gate is { } gate)
        {
            return tape.GatedResidual(x, gate, o);
        }

        if (tape.IsRecording)
        {
            return tape.Sum(x, o);
        }

        Kernels.Sum.Forward(tape.Device, x.Value, o.Value, x.Value);
        return x;
    }
}
