using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Cli.Commands;

/// <summary>What <c>dim train</c> does when nothing is said: a function of the data set's name and shape alone.</summary>
internal static class TrainingPreset
{
    /// <summary>The whole configuration of a run.</summary>
    /// <param name="data">The name or path of the data set.</param>
    /// <param name="shape">The shape of its samples.</param>
    /// <param name="classes">The names of its classes.</param>
    public static RunConfig For(string data, SampleShape shape, IReadOnlyList<string> classes)
    {
        bool procedural = data is "shapes" or "moving-shapes";
        return new()
        {
            Data = data,
            Classes = classes,
            Model = new()
            {
                Sample = shape,
                Patch = Patch(shape),
                TemporalPatch = shape.Frames % 2 == 0 ? 2 : 1,
                Width = 128,
                Depth = procedural ? 4 : 6,
                Classes = classes.Count,
                LearnsVariance = false,
            },

            // Most of the draws at middle noise levels, where forms are decided: with uniform times the same
            // network needs several times the steps for samples of the same quality.
            Diffusion = new() { Objective = ObjectiveKind.Flow, FlowTimes = FlowTimes.LogitNormal },
            Training = For(procedural ? 6000 : 20_000, new()
            {
                BatchSize = 32,
                LearningRate = procedural ? 2e-3 : 1e-3,
                WarmupSteps = 100,
                Decay = LearningRateDecay.Cosine,
                Beta2 = 0.99,
                EmaDecay = procedural ? 0.995 : 0.999,
                HorizontalFlip = true,
            }),
        };
    }

    /// <summary>Options for another number of steps: what counts in parts of the whole follows.</summary>
    public static TrainingOptions For(long steps, TrainingOptions options) => options with
    {
        Steps = steps,
        WarmupSteps = Math.Min(options.WarmupSteps, steps / 10),

        // A grid takes as long as dozens of steps.
        SampleEvery = Math.Max(Math.Min(steps, 100), steps / 10),
        CheckpointEvery = Math.Max(Math.Min(steps, 50), steps / 20),
    };

    // 16 to 64 tokens a frame.
    private static int Patch(SampleShape shape) => Math.Min(shape.Height, shape.Width) switch
    {
        <= 32 => Dividing(shape, 4),
        _ => Dividing(shape, 8),
    };

    private static int Dividing(SampleShape shape, int wanted)
    {
        int patch = wanted;
        while (shape.Height % patch != 0 || shape.Width % patch != 0)
        {
            patch--;
        }

        return patch;
    }
}
