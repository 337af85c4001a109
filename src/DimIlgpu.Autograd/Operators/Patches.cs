using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Patches"/>.</summary>
public static class PatchesOperator
{
    extension(Tape tape)
    {
        /// <summary>Cuts samples (B, F·H·W·C) into patches (B·L, p_t·p·p·C).</summary>
        /// <inheritdoc cref="Kernels.Patches" path="/remarks"/>
        public Variable Patchify(Variable x, PatchLayout layout)
        {
            Tensor y = tape.RentLike(x.Value, new(x.Value.Rows * layout.Tokens, layout.PatchLength));
            Patches.Patchify(tape.Device, x.Value, new(y, Add: false), layout);
            return tape.Record(y, [x], dy =>
            {
                if (x.Sink() is { } dx)
                {
                    Patches.Unpatchify(tape.Device, dy, dx, layout);
                }
            });
        }

        /// <summary>Puts patches (B·L, p_t·p·p·C) together to samples (B, F·H·W·C).</summary>
        /// <inheritdoc cref="Kernels.Patches" path="/remarks"/>
        public Variable Unpatchify(Variable x, PatchLayout layout)
        {
            Tensor y = tape.RentLike(x.Value, new(x.Value.Rows / layout.Tokens, layout.SampleLength));
            Patches.Unpatchify(tape.Device, x.Value, new(y, Add: false), layout);
            return tape.Record(y, [x], dy =>
            {
                if (x.Sink() is { } dx)
                {
                    Patches.Patchify(tape.Device, dy, dx, layout);
                }
            });
        }
    }
}
